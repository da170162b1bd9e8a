/** As in package.json, which a program that was bundled does not find. A test compares the two. */
export const VERSION = "0.1.0";
