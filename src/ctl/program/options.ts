/** Options that many commands have. */

import type { Option } from "../grammar.ts";

export const JSON_OUTPUT = { summary: "print one JSON object a line" } as const satisfies Option;
