import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// The suites, from quick to slow. `hosts`, `hostile`, `disk`, `faults`, `ui` and `service` need root and say so
// when they cannot run; with CI=true that is a failure (test/support/privilege.ts).
const suite = (name: string, testTimeout: number, parallel: boolean, globalSetup: string[] = []) => ({
  test: {
    name,
    globalSetup,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout,
    hookTimeout: testTimeout,
    fileParallelism: parallel,
  },
});

export default defineConfig({
  test: {
    // The default leaves one worker where there are two processors, and most tests wait more than they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ["default", "json"],
    outputFile: { json: "build/test-report.json" },
    projects: [
      suite("unit", 30_000, true),
      suite("fuzz", 60_000, true),
      suite("cluster", 30_000, true),
      suite("cli", 60_000, true),
      suite("hosts", 120_000, true, ["test/support/measured.ts"]),
      suite("hostile", 180_000, false),
      suite("disk", 120_000, true),
      suite("faults", 240_000, true),
      suite("versions", 180_000, false),
      suite("ui", 120_000, true),
      suite("package", 120_000, true),
      suite("service", 120_000, false),
    ],
  },
});
