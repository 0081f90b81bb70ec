/**
 * The scripts that shells load to complete our commands. Each calls
 * `lanxferctl --complete SHELL WORD...` with the words up to the cursor, and is
 * answered with a candidate a line, and with `/` where it is to add files.
 */

import type { Candidate } from "./candidates.ts";
import type { Offered } from "./complete.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const COMPLETE = "--complete";
const FILES = "/"; // no candidate can be this

const BASH = `\
# lanxferctl completion for bash: eval "$(lanxferctl completion bash)"
_lanxferctl() {
    local word IFS=$'\\n'
    COMPREPLY=()
    for word in $(lanxferctl ${COMPLETE} bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
        if [ "$word" != ${FILES} ]; then
            COMPREPLY+=("$word")
        elif ! compopt -o default 2>/dev/null; then # before bash 4
            COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
        fi
    done
}
complete -F _lanxferctl lanxferctl
`;

const ZSH = `\
#compdef lanxferctl
# lanxferctl completion for zsh: eval "$(lanxferctl completion zsh)", after compinit
_lanxferctl() {
    local -a found
    found=("\${(@f)$(lanxferctl ${COMPLETE} zsh "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if (( \${found[(Ie)${FILES}]} )); then
        _files
    fi
    found=("\${(@)found:#(|${FILES})}")
    if (( \${#found} )); then
        _describe lanxferctl found
    fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then
    _lanxferctl "$@"
else
    compdef _lanxferctl lanxferctl
fi
`;

const FISH = `\
# lanxferctl completion for fish: lanxferctl completion fish | source
function __lanxferctl
    set -l before (commandline -opc)
    for line in (lanxferctl ${COMPLETE} fish $before[2..-1] "$(commandline -ct)" 2>/dev/null)
        if test $line = ${FILES}
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c lanxferctl -f -a '(__lanxferctl)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function scriptFor(shell: Shell): string {
  return SCRIPTS[shell];
}

/** The shell whose program `path` names, bash where that is none of ours. */
export function shellOf(path: string | undefined): Shell {
  return SHELLS.find((shell) => path?.split("/").at(-1) === shell) ?? "bash";
}

/** The answer to a script. bash has no place for what a candidate means. */
export function answer(shell: string, { candidates, files }: Offered): string {
  const lines: Readonly<Record<string, (candidate: Candidate) => string>> = {
    zsh: ({ word, about }) => (about === undefined ? word : `${word}:${about}`),
    fish: ({ word, about }) => (about === undefined ? word : `${word}\t${about}`),
  };
  const line = lines[shell] ?? (({ word }: Candidate) => word);
  return [...candidates.map(line), ...(files ? [FILES] : [])].map((text) => `${text}\n`).join("");
}
