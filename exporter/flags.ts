import { hostname } from 'node:os';
import { Option, type Command } from 'commander';
import { PROBES, type ProbeName } from 'bpf-linker-napi';
import { KernscaleError } from '../common/errors.js';
import {
  flag,
  kubeconfigFlag,
  parseFlags,
  seconds,
  serviceCommand,
  serviceFlags,
  switchVariable,
  type ServiceFlags,
} from '../common/flags.js';
import type { EngineSockets } from './host/source.js';
import { SOURCES, type SourceChoice } from './identity/source.js';

export interface ExporterFlags extends ServiceFlags {
  /** Scrapes to serve at a time; 0: any number. */
  readonly maxRequests: number;
  readonly probes: readonly ProbeName[];
  readonly source: SourceChoice;
  readonly engineSockets: EngineSockets;
  readonly nodeName: string;
  readonly ignoreNamespaces: RegExp;
  readonly keepDeadSeconds: number;
  /** Pods and containers that are tracked; each takes memory in the kernel. */
  readonly maxContainers: number;
  readonly histogramsDetail: boolean;
  /** Undefined: clients that authenticate can take profiles. */
  readonly profile: boolean | undefined;
  readonly cgroupfs: string | undefined;
  readonly procfs: string;
}

/**
 * @returns undefined when only help or the version was requested
 * @throws KernscaleError `BAD_FLAG`
 */
export function parseExporterFlags(argv: readonly string[], version: string): ExporterFlags | undefined {
  const options = parseFlags<Record<string, unknown>>(exporterCommand(version), [
    ...switchEnvironment(),
    ...argv,
  ]);
  if (!options) return undefined;
  const probes = PROBES.filter((probe) => options[`probe.${probe}`] === true);
  if (probes.length === 0)
    throw new KernscaleError('BAD_FLAG', 'every probe is switched off; leave at least one on');
  return {
    ...serviceFlags(options),
    maxRequests: options['web.maxRequests'] as number,
    probes,
    source: options['source'] as SourceChoice,
    engineSockets: {
      docker: options['host.dockerSocket'] as string,
      podman: options['host.podmanSocket'] as string,
    },
    nodeName: options['kubernetes.nodeName'] as string,
    ignoreNamespaces: options['ignore.namespaces'] as RegExp,
    keepDeadSeconds: options['containers.keepDead'] as number,
    maxContainers: options['containers.max'] as number,
    profile: options['profile'] as boolean | undefined,
    histogramsDetail: options['histograms.detail'] === true,
    cgroupfs: options['path.cgroupfs'] as string | undefined,
    procfs: options['path.procfs'] as string,
  };
}

/** The command line; its flags are documented in docs/exporter.md. */
export function exporterCommand(version: string): Command {
  const description = 'Exports thread states and requests of every workload on this node to Prometheus.';
  return serviceCommand(['kernscale-exporter', description, version], ':5000', [
    flag('--web.max-requests <count>', 'Scrapes to serve at a time; 0: any number', 40, wholeNumber),
    new Option('--config.check', 'Check flags, web configuration and kubeconfig, and exit'),
    new Option('--no-config.check', 'Serve (default)').hideHelp(),
    ...probeFlags(),
    ...sourceFlags(),
    ...expositionFlags(),
    flag('--path.cgroupfs <directory>', 'Mount of cgroup2; default: found in the mount table'),
    flag('--path.procfs <directory>', 'Mount of procfs', '/proc'),
  ]);
}

function sourceFlags(): Option[] {
  return [
    flag(
      '--source <source>',
      'Workloads to measure: pods, or the systemd units and containers of a host; by default detected',
      'detect',
    ).choices([...SOURCES]),
    flag('--host.docker-socket <file>', "Unix socket of Docker's API", '/run/docker.sock'),
    flag('--host.podman-socket <file>', "Unix socket of podman's API", '/run/podman/podman.sock'),
    // The kubelet's default is the host name in lower case (pkg/util/node, `GetHostname`).
    flag('--kubernetes.node-name <name>', 'This node in the Kubernetes API').default(
      process.env['NODE_NAME'] ?? hostname().toLowerCase(),
      'NODE_NAME, else the host name',
    ),
    kubeconfigFlag(),
    flag('--ignore.namespaces <regex>', 'Namespaces not to measure, anchored', undefined, anchored).default(
      /^kube-system$/,
      'kube-system',
    ),
  ];
}

function expositionFlags(): Option[] {
  return [
    flag(
      '--containers.keep-dead <duration>',
      'Time to export final values of a terminated container, at least once',
      undefined,
      seconds,
    ).default(30, '30s'),
    flag(
      '--containers.max <count>',
      'Pods and containers to measure individually, up to 16384; the others are counted as folded',
      1024,
      slots,
    ),
    new Option(
      '--histograms.detail',
      'Every bound, reason, operation, device and peer, with no bound on lines',
    ),
    new Option('--no-histograms.detail', 'At most 128 lines per container (default)'),
    new Option('--profile', 'Serve /profile to every client; default: to clients that authenticate'),
    new Option('--no-profile', 'Do not serve /profile, and load nothing for it'),
  ];
}

/** Flags that are on or off. */
const SWITCHES = ['config.check', 'histograms.detail', 'profile', ...PROBES.map((probe) => `probe.${probe}`)];

function probeFlags(): Option[] {
  return PROBES.flatMap((probe) => [
    new Option(`--probe.${probe}`, `Attach the ${probe} probe`).default(true),
    new Option(`--no-probe.${probe}`, `Do not attach the ${probe} probe`),
  ]);
}

/** Arguments for the switches that the environment sets. */
function switchEnvironment(): string[] {
  return SWITCHES.flatMap((name) => {
    const value = switchVariable(`--${name}`);
    return value === undefined ? [] : [value ? `--${name}` : `--no-${name}`];
  });
}

/** The kernel stores the slot of a thread in 16 bits; memory is the tighter bound. */
function slots(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 16_384) return count;
  throw new KernscaleError('BAD_FLAG', `"${text}" is not a whole number from 1 to 16384`);
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new KernscaleError('BAD_FLAG', `"${text}" is not a whole number`);
}

/** Anchors the expression, as Prometheus does. */
function anchored(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (cause) {
    throw new KernscaleError('BAD_FLAG', `"${text}" is not a regular expression`, { cause });
  }
}
