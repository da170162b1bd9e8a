/** What the tests use of the object `jest`. */
import { ModuleMocker } from "jest-mock";

const mocker = new ModuleMocker(globalThis);

export const jest = {
  spyOn: mocker.spyOn.bind(mocker),
  restoreAllMocks: () => mocker.restoreAllMocks(),
};
