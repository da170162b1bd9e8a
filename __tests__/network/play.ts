/** Plays one scene, in the network that it was started in, and ends when nothing keeps it alive. */
import { strict as assert } from "node:assert";
import { Race, inSynSent } from "./scene.js";
import { ALL_SCENES } from "./scenes.js";

const [name] = process.argv.slice(2);
const scene = ALL_SCENES.find((each) => each.name === name);
assert.ok(scene, `there is no scene "${String(name)}"`);

const race = new Race();
const watching = race.watch();
await scene.play(race);
watching[Symbol.dispose]();
assert.deepEqual(inSynSent(), [], "no attempt is left behind");
console.log("played");
