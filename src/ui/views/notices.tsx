/** What has just happened, for eyes and for screen readers. */

import type { Desk } from "../desk.ts";
import type { Notice } from "../model.ts";
import { Icon } from "../parts/icon.tsx";

const ICONS = { good: "good", bad: "bad", plain: "history" } as const;

export function Notices({ desk, notices }: { readonly desk: Desk; readonly notices: readonly Notice[] }) {
  return (
    <section class="notices" aria-label="News" aria-live="polite">
      {notices.map(({ id, tone, text }) => (
        <p key={id} class={`notice ${tone}`}>
          <Icon name={ICONS[tone]} />
          <span>{text}</span>
          <button type="button" class="quiet square" aria-label="Dismiss" onClick={() => desk.dismissNotice(id)}>
            <Icon name="close" />
          </button>
        </p>
      ))}
    </section>
  );
}
