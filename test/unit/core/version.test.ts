import { expect, it } from "vitest";
import project from "../../../package.json" with { type: "json" };
import { VERSION } from "../../../src/core/version.ts";

it("The programs say the version of the package", () => {
  expect(VERSION).toBe(project.version);
});
