import { onStage } from "../../stage.js";

const open: unknown[] = [];

/** Puts a process on stage that opens listeners until there are `upTo`, when it is asked. */
export function opening(listener: () => Promise<unknown>): void {
  onStage(
    {},
    {
      open: async ({ upTo = 0 }) => {
        while (open.length < upTo) open.push(await listener());
        return {};
      },
    },
  );
}
