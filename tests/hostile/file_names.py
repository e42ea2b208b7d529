"""Names under which a stranger may send a sound file: none may be a path, and none is trusted."""

NAMES = (
    *("work.png", "work.gif", "work.exe", "work.png.php", "work", ".png", "...", "PNG"),
    *("../../../etc/passwd", "..\\..\\windows\\system32\\evil.png", "/etc/cron.d/evil"),
    *("C:\\evil.png", "file:///etc/passwd", "\\\\host\\share\\evil.png", "~/.ssh/authorized_keys"),
    *("CON.png", "nul", "a;b.png", "a=b.png", "%2e%2e%2fevil.png", "%00.png", "$(id).png"),
    *("`id`.png", "|id", "-rf", "' OR 1=1 --.png", "{{7*7}}.png", "<script>alert(1)</script>.png"),
    *("work\x00.png", "work\x07\x1b[2J.png", "work\x7f.png", "work\u202egnp.exe"),
    *("work\u2066\u200b\ufeff.png", "배 그림.png", "🖼️.png", "ｗｏｒｋ.png", "e\u0301" * 40),
    *("\u0661\u0662.png", " ", "\u3000", "a" * 255, "a" * 5000, "é" * 3000, "\ud7ff\ue000.png"),
)
