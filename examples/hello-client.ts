/**
 * The hello client of CHICKEN's tcp6 egg: reads what the server says, answers "Good Bye!", and ends.
 *
 *     npx tsx examples/hello-client.ts [port]
 */
import { connect } from "tcp6";

await using connection = await connect("localhost", process.argv[2] ?? 4242);
console.log(await connection.readLine());
await connection.writeLine("Good Bye!");
