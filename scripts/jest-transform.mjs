/**
 * Has jest run TypeScript, each file for itself, by the options of esbuild that jest.config.js gives. What the types are
 * is for tsc to check.
 */
import { transform } from "esbuild";

export default {
  processAsync: (source, path, { transformerConfig }) =>
    transform(source, {
      ...transformerConfig,
      loader: "ts",
      format: "esm",
      sourcefile: path,
      sourcemap: true,
      sourcesContent: false,
    }),
};
