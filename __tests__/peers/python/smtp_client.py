"""Sends a mail with Python's smtplib, after STARTTLS: smtp_client.py PORT AUTHORITY BYTES"""
import smtplib
import ssl
import sys

port, authority, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
context = ssl.create_default_context(cafile=authority)
line = "x" * 76 + "\r\n"
text = "Subject: hello\r\n\r\n" + line * (size // len(line))

with smtplib.SMTP("localhost", port, timeout=10) as client:
    client.starttls(context=context)
    client.sendmail("a@example.org", ["b@example.org"], text)
    print("sent over", client.sock.version())
