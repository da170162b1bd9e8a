/** Prints the stack of an error of its own, see source-places.once.test.ts. */
import { withSourcePlaces } from "../support/source-places.js";

console.log(withSourcePlaces(String(new Error("here").stack)));
