from tests.webapp.pages.reading import Page


def count(client, query):
    return len(Page(client.get(f"/admin/log{query}")).all("tr")[1:])


def test_every_change_stands_there_with_what_was_before_and_why(
    admin_client, admin, press, style, buyer
):
    press("/admin/styles", f"/admin/styles/{style.id}", action="off", reason="Copied works.")
    press("/admin/users", f"/admin/users/{buyer.id}", action="close")
    page = Page(admin_client.get("/admin/log"))
    assert "On sale: yes → no" in page.text
    assert "Active: yes → no" in page.text
    assert "Copied works." in page.text
    assert f"/styles/{style.id}" in page.links()
    assert f"/admin/users/{buyer.id}" in page.links()
    assert count(admin_client, "") == 2
    assert count(admin_client, "?object_type=style") == 1
    assert count(admin_client, f"?object_type=user&object_id={buyer.id}") == 1
    assert count(admin_client, f"?admin={admin.username}") == 2
    assert count(admin_client, f"?admin={admin.id}") == 2
    assert count(admin_client, "?admin=nobody") == 0
