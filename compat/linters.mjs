/** The package by those who check packages. */
import { readFileSync } from "node:fs";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

export function checkedByLinters(tarball) {
  const bytes = readFileSync(tarball);
  return [
    {
      name: "publint has nothing to say",
      run: async () => {
        const { messages, pkg } = await publint({
          pack: { tarball: new Uint8Array(bytes).buffer },
          strict: true,
        });
        if (messages.length > 0) throw new Error(messages.map((one) => formatMessage(one, pkg)).join("\n"));
      },
    },
    {
      name: "arethetypeswrong finds nothing wrong with the types",
      run: async () => {
        const { types, problems } = await checkPackage(createPackageFromTarballData(bytes));
        if (types === false || problems.length > 0) throw new Error(JSON.stringify(problems, null, 2));
      },
    },
  ];
}
