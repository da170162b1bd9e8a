/**
 * The defaults of the whole process, or of a part of the program.
 *
 * The guide: [parameters](../timeouts-and-cancellation.md#parameters). [Every option](../options.md), with its parameter.
 *
 * @module parameters
 */
export { getParameters, setParameters, withParameters, type NetParameters } from "../../src/index.js";
