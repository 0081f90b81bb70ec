/** Puts a text where it can be pasted from. */

import { useState } from "preact/hooks";

interface CopyButtonProps {
  readonly text: string;
  /** What it does, for those who only hear it. */
  readonly label: string;
  readonly children: string;
}

export function CopyButton({ text, label, children }: CopyButtonProps) {
  const [isCopied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return (
    <button type="button" onClick={copy} aria-label={label}>
      {isCopied ? "Copied" : children}
    </button>
  );
}
