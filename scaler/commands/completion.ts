import { commandLine, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';

/**
 * Scripts by shell. They ask the command itself for its commands and flags, so that they fit every version; where neither
 * is wanted, the shell completes names of files.
 */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_kernscale() {
  local word=\${COMP_WORDS[COMP_CWORD]} known=
  if ((COMP_CWORD == 1)); then
    known=$(kernscale --list-flags 2>/dev/null | cut -f1)
  elif [[ $word == -* ]]; then
    known=$(kernscale "\${COMP_WORDS[1]}" --list-flags 2>/dev/null | cut -f1)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$known" -- "$word")
}
complete -o default -F _kernscale kernscale
`,
  zsh: `#compdef kernscale
_kernscale() {
  local -a known
  if ((CURRENT == 2)); then
    known=("\${(@f)$(kernscale --list-flags 2>/dev/null | tr '\\t' ':')}")
    _describe command known
  elif [[ $words[CURRENT] == -* ]]; then
    known=("\${(@f)$(kernscale $words[2] --list-flags 2>/dev/null | tr '\\t' ':')}")
    _describe flag known
  else
    _files
  fi
}
compdef _kernscale kernscale
`,
  fish: `complete -c kernscale -n __fish_use_subcommand -f -a '(kernscale --list-flags 2>/dev/null)'
complete -c kernscale -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' \\
  -a '(kernscale (commandline -opc)[2] --list-flags 2>/dev/null)'
`,
};

/**
 * `kernscale completion`: prints the script that a shell evaluates to complete commands and flags.
 *
 * @throws KernscaleError `BAD_FLAG` for another shell
 */
export function completion(argv: readonly string[]): Promise<number> {
  const shells = Object.keys(SCRIPTS).join(', ');
  const command = commandLine(
    'kernscale completion',
    `Print a script for ${shells}: source <(kernscale completion bash)`,
  ).argument('<shell>', shells);
  if (!parseFlags(command, argv)) return Promise.resolve(0);
  const [shell = ''] = command.args;
  if (!Object.hasOwn(SCRIPTS, shell))
    throw new KernscaleError('BAD_FLAG', `no completion for "${shell}"; shells: ${shells}`);
  process.stdout.write(SCRIPTS[shell]!);
  return Promise.resolve(0);
}
