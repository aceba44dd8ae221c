import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './duration.js';
import { errorMessage, KernscaleError } from './errors.js';
import { LOG_FORMATS, LOG_LEVELS, type LogOptions } from './log-options.js';

/**
 * A command line in node_exporter's style: long dotted flags, each with an environment variable
 * (`--web.listen-address` is also `KERNSCALE_WEB_LISTEN_ADDRESS`).
 */
export function commandLine(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'Show this help')
    .allowExcessArguments(false)
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
}

/** Argument in place of all others: lists the flags, one a line, with a tab before the description; for completion. */
export const LIST_FLAGS = '--list-flags';

/** A flag with its environment variable; `parse` converts its text. */
export function flag<T>(
  flags: string,
  description: string,
  fallback?: T,
  parse?: (text: string) => T,
): Option {
  const option = new Option(flags, description);
  option.env(environmentVariable(option.long!));
  if (fallback !== undefined)
    option.default(fallback, Object.is(parse, seconds) ? `${String(fallback)}s` : undefined);
  if (parse) option.argParser((text: string) => parseFlag(text, parse));
  return option;
}

export function environmentVariable(long: string): string {
  const name = long.replace(/^--(no-)?/, '').replace(/[.-]/g, '_');
  return `KERNSCALE_${name.toUpperCase()}`;
}

/** What both services take from the command line. */
export interface ServiceFlags {
  readonly listenAddresses: readonly string[];
  readonly webConfigFile: string | undefined;
  readonly kubeconfig: string | undefined;
  /** Checks the configuration and exits. */
  readonly checkOnly: boolean;
  readonly log: LogOptions;
}

export function serviceFlags(options: Readonly<Record<string, unknown>>): ServiceFlags {
  return {
    listenAddresses: options['web.listenAddress'] as string[],
    webConfigFile: options['web.config.file'] as string | undefined,
    kubeconfig: options['kubernetes.kubeconfig'] as string | undefined,
    checkOnly: options['config.check'] === true,
    log: { level: options['log.level'] as string, format: options['log.format'] as string },
  };
}

/** The command line of a service: its own flags between those that both services have. */
export function serviceCommand(
  [name, description, version]: readonly [string, string, string],
  address: string,
  own: readonly Option[],
): Command {
  const command = commandLine(name, description).version(version, '--version', 'Show the version');
  const options = [
    flag('--web.listen-address <address...>', 'Address to listen on, [host]:port; repeatable', [address]),
    flag(
      '--web.config.file <file>',
      "File with TLS and basic authentication settings, in exporter-toolkit's format",
    ),
    ...own,
    flag('--log.level <level>', 'Lowest level to log', 'info').choices(LOG_LEVELS),
    flag('--log.format <format>', 'Format of log lines', 'text').choices(LOG_FORMATS),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

export function kubeconfigFlag(): Option {
  return flag(
    '--kubernetes.kubeconfig <file>',
    'Kubeconfig file; default: the service account of the pod, KUBECONFIG, or ~/.kube/config',
  );
}

/** Value of a switch's variable, which commander takes as on whatever it is; undefined if it is unset or empty. */
export function switchVariable(long: string): boolean | undefined {
  const value = process.env[environmentVariable(long)] ?? '';
  return value === '' ? undefined : !/^(0|false|no|off)$/i.test(value);
}

/** Parser of a duration; the help text shows its default in seconds. */
export const seconds = parseDuration;

/**
 * Parses the arguments; prints help and returns undefined if help is requested.
 *
 * @typeParam T shape of the options, which commander does not know
 * @throws KernscaleError `BAD_FLAG` with commander's message, which may suggest a flag
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- typed like commander's opts()
export function parseFlags<T>(command: Command, argv: readonly string[]): T | undefined {
  if (argv[0] === LIST_FLAGS) {
    const listed = command.createHelp().visibleOptions(command);
    process.stdout.write(listed.map(({ long, description }) => `${long!}\t${description}\n`).join(''));
    return undefined;
  }
  try {
    command.parse(argv, { from: 'user' });
    return command.opts<Record<string, unknown>>() as T;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    const sentence = error.message.replace(/^error: /, '').replace(/\n/g, ' ');
    throw new KernscaleError('BAD_FLAG', `${sentence}; --help lists the flags`);
  }
}

function parseFlag<T>(text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    throw new InvalidArgumentError(errorMessage(error));
  }
}
