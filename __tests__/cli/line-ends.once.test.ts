import fc from "../support/fast-check.js";
import { ToCrlf, ToLf } from "../../src/cli/line-ends.js";

const texts = fc
  .array(fc.constantFrom("a", "b", "\r", "\n", "\r\n"), { maxLength: 12 })
  .map((parts) => parts.join(""));
const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

/** What comes out of it, if the text goes in in pieces of these sizes. */
function through(ends: ToCrlf | ToLf, text: string, pieces: readonly number[]): string {
  const out: Buffer[] = [];
  const rest = Buffer.from(text);
  for (let at = 0, i = 0; at < rest.length; i++) {
    const size = pieces[i % pieces.length] ?? 1;
    out.push(ends.push(rest.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat([...out, ends.end()]).toString();
}

test("lines go out with CR LF, the last one too, however they are cut", () => {
  fc.assert(
    fc.property(texts, sizes, (text, pieces) => {
      const ended = text === "" || text.endsWith("\n") ? text : `${text}\n`;
      expect(through(new ToCrlf(), text, pieces)).toBe(ended.replaceAll(/\r?\n/g, "\r\n"));
    }),
  );
});

test("lines come with LF, and no other CR is lost, however they are cut", () => {
  fc.assert(
    fc.property(texts, sizes, (text, pieces) => {
      expect(through(new ToLf(), text, pieces)).toBe(text.replaceAll("\r\n", "\n"));
    }),
  );
});
