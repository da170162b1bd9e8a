/**
 * Tests that need something of the machine. Where it is `missing` they are skipped, and say so; but with `CI=true` they
 * fail, for a machine that is there to run them must have it.
 */
export function describeWherePossible(name: string, missing: string | undefined, tests: () => void): void {
  if (missing === undefined) describe(name, tests);
  else if (process.env["CI"] !== "true") {
    // Jest does not print the names of what it skips.
    process.stderr.write(`skipped: ${name}: ${missing}\n`);
    describe.skip(`${name} (skipped: ${missing})`, tests);
  } else {
    test(name, () => {
      throw new Error(missing);
    });
  }
}
