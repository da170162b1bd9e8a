"""A server with asyncio whose clients may ask for TLS: starttls_server.py CERTIFICATE KEY. Prints its port."""
import asyncio
import ssl
import sys

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:3])


async def serve(reader, writer):
    try:
        writer.write(b"ready\n")
        while line := await reader.readline():
            match line.split():
                case [b"STARTTLS"]:
                    writer.write(b"go\n")
                    await writer.start_tls(context)
                case [b"ECHO", size]:
                    writer.write(await reader.readexactly(int(size)))
                    await writer.drain()
                case [b"QUIT"]:
                    writer.write(b"bye\n")
                    break
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def main():
    # A limit above all that is echoed: until Python 3.12 a reader that is full stops the wrong transport after start_tls().
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
