import fc from "fast-check";

// No change fails by bad luck: `SEED=$RANDOM npm test` explores. A failure prints its seed.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env["SEED"] ?? 1) });

export default fc;
