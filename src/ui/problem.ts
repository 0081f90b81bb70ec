/** What went wrong, as the daemon tells it. */

import type { ErrorView } from "../core/errors.ts";

export type Problem = Pick<ErrorView, "code" | "message" | "hint">;
