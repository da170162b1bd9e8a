import { waterfall, type Bar } from "../../src/cli/waterfall.js";

const REFUSED = ["connection refused (ECONNREFUSED)", "ECONNREFUSED"] as const;

const BARS: readonly Bar[] = [
  { label: "lookup", begun: 0, ended: 20, end: "done", words: ["3 addresses", "3 addresses"] },
  { label: "2001:db8:9::2", begun: 21, ended: 274, end: "given up", words: ["given up", "given up"] },
  { label: "10.9.0.7", begun: 120, ended: 122.4, end: "failed", words: REFUSED },
  { label: "10.9.0.1", begun: 122.5, ended: 274, end: "done", words: ["connected", "connected"] },
  { label: "TLS", begun: 274, ended: 311, end: "done", words: ["TLSv1.3, h2", "TLSv1.3"] },
];

const paint = (_: string, text: string): string => text;

/** The picture, below a line as wide as the screen. */
function picture(columns: number, hasBoxes: boolean, bars = BARS): string {
  const lines = waterfall(bars, { columns, hasBoxes, paint });
  return `\n${["-".repeat(columns), ...lines.map((line) => line.trimEnd())].join("\n")}\n`;
}

test("in 50 columns the bars are short, and the words", () => {
  expect(picture(50, true)).toBe(`
--------------------------------------------------
               0      311 ms
lookup         ┫               20 ms  3 addresses
2001:db8:9::2  ━━━━━━━━━━╌    253 ms  given up
10.9.0.7           ╳          2.4 ms  ECONNREFUSED
10.9.0.1           ━━━━━━┫    152 ms  connected
TLS                      ━━┫   37 ms  TLSv1.3
`);
});

test("in 80 columns the bars are longer", () => {
  expect(picture(80, true)).toBe(`
--------------------------------------------------------------------------------
               0                                    311 ms
lookup         ━━┫                                           20 ms  3 addresses
2001:db8:9::2    ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╌       253 ms  given up
10.9.0.7                       ╳                            2.4 ms  ECONNREFUSED
10.9.0.1                       ━━━━━━━━━━━━━━━━━━━━━┫       152 ms  connected
TLS                                                 ━━━━━┫   37 ms  TLSv1.3
`);
});

test("in 130 columns the words are the long ones", () => {
  expect(picture(130, true)).toBe(`
----------------------------------------------------------------------------------------------------------------------------------
               0                                                                 311 ms
lookup         ━━━━┫                                                                      20 ms  3 addresses
2001:db8:9::2      ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╌           253 ms  given up
10.9.0.7                                  ╳                                              2.4 ms  connection refused (ECONNREFUSED)
10.9.0.1                                  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┫           152 ms  connected
TLS                                                                          ━━━━━━━━━┫   37 ms  TLSv1.3, h2
`);
});

test("without characters for boxes it is drawn in ASCII", () => {
  expect(picture(80, false)).toBe(`
--------------------------------------------------------------------------------
               0                                    311 ms
lookup         ==|                                           20 ms  3 addresses
2001:db8:9::2    ===================================-       253 ms  given up
10.9.0.7                       x                            2.4 ms  ECONNREFUSED
10.9.0.1                       =====================|       152 ms  connected
TLS                                                 =====|   37 ms  TLSv1.3
`);
});

test.each([20, 33, 50, 60, 80, 130, 250])("in %i columns no line is wider", (columns) => {
  const label = "2001:db8:1234:5678:9abc:def0:1234:5678";
  const bars: Bar[] = [...BARS, { label, begun: 250, ended: 300, end: "failed", words: REFUSED }];
  for (const line of picture(columns, true, bars).split("\n"))
    expect(line.length).toBeLessThanOrEqual(columns);
});

test("long labels and codes in 50 columns: the words are above the bars", () => {
  const bars: Bar[] = [
    { label: "lookup", begun: 0, ended: 20, end: "done", words: ["1 address", "1 address"] },
    { label: "2001:db8:1234:5678::9", begun: 21, ended: 300, end: "failed", words: REFUSED },
  ];
  expect(picture(50, true, bars)).toBe(`
--------------------------------------------------
0                                           300 ms
lookup  20 ms  1 address
━━━┫
2001:db8:1234:5678::9  279 ms  ECONNREFUSED
   ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╳
`);
});

test("what took no time at all is drawn", () => {
  const words = ["connected", "connected"] as const;
  const [scale, bar] = waterfall([{ label: "a", begun: 0, ended: 0, end: "done", words }], {
    columns: 50,
    hasBoxes: false,
    paint,
  });
  expect(scale).toMatch(/^ +0 +0\.0 ms$/);
  expect(bar).toMatch(/^a {2}\| +0\.0 ms {2}connected$/);
});
