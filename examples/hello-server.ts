/**
 * The hello server of CHICKEN's tcp6 egg: says "Hello!" to one client, reads the answer, and ends.
 *
 *     npx tsx examples/hello-server.ts [port]
 */
import { listen } from "tcp6";

await using listener = await listen(process.argv[2] ?? 4242);
console.log(`listening on port ${String(listener.port)}`);

await using connection = await listener.accept();
await connection.writeLine("Hello!");
console.log(await connection.readLine());
