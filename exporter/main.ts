#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import {
  NativeError,
  openProbes,
  SIZE_BOUNDS_BYTES,
  TIME_BOUNDS_SECONDS,
  type Capability,
  type Probes,
  type ProgramStatus,
} from 'bpf-linker-napi';
import { KernscaleError } from '../common/errors.js';
import { listen } from '../common/http.js';
import { createLogger, type Logger } from '../common/log.js';
import { packageVersion, runMain, terminationSignal } from '../common/main.js';
import type { WebConfigFile } from '../common/web-config.js';
import { CgroupAccounts } from './cgroups/accounts.js';
import { findCgroupMount } from './cgroups/mount.js';
import { Exporter, type ExporterProbes } from './exporter.js';
import { parseExporterFlags, type ExporterFlags } from './flags.js';
import { KubernetesSource, watchPods } from './identity/kubernetes.js';
import {
  detectSource,
  findApi,
  isClusterConfigured,
  type DetectedSource,
  type Source,
} from './identity/source.js';
import { openSampler, profileService } from './profile/route.js';
import { REDUCED_BY, type Reduced } from './reduced.js';
import { createApp } from './web.js';

/** Time until V8 stops shrinking its heap: startup and the first list of pods leave much garbage. */
const STARTED_MS = 60_000;

await runMain('kernscale-exporter', async (argv) => {
  const version = packageVersion();
  const flags = parseExporterFlags(argv, version);
  if (flags?.checkOnly) await check(flags);
  else if (flags) await run(flags, version);
  return 0;
});

/** Reads every file that the flags name, and changes nothing. */
async function check(flags: ExporterFlags): Promise<void> {
  await webConfigOf(flags, createLogger(flags.log));
  if (flags.source !== 'host' && isClusterConfigured(flags.kubeconfig)) await findApi(flags.kubeconfig);
  process.stdout.write('The configuration is good.\n');
}

async function run(flags: ExporterFlags, version: string): Promise<void> {
  const log = createLogger(flags.log);
  const stopped = terminationSignal();
  const web = await webConfigOf(flags, log);
  const cgroupRoot = cgroupRootOf(flags, log);
  const { choice, reason } = detectSource(flags.source, isClusterConfigured(flags.kubeconfig), cgroupRoot);
  const openSource = await sourceOf(choice, flags, log);
  const { native, ...measuring } = attach(flags, cgroupRoot, log);
  const profiling = (): boolean => flags.profile ?? web?.authenticates ?? false;
  const opened = openSampler(profiling(), log);
  logLimits(opened.programs, log);
  const capabilities = native && confine(native, opened.sampler !== undefined);
  const source = openSource();
  const exporter = new Exporter({
    ...measuring,
    profilePrograms: opened.programs,
    bounds: { seconds: TIME_BOUNDS_SECONDS, bytes: SIZE_BOUNDS_BYTES },
    detail: flags.histogramsDetail,
    cgroupRoot,
    source,
    policy: { ignoreNamespaces: flags.ignoreNamespaces, keepSeconds: flags.keepDeadSeconds },
    version,
    log,
  });
  const profiles = profileService(opened, profiling, (...of) => exporter.cgroupsOf(...of), {
    readsFiles: capabilities?.includes('CAP_SYS_PTRACE') ?? false,
    procfs: flags.procfs,
  });
  try {
    const app = createApp(exporter, profiles, { version, maxRequests: flags.maxRequests }, log);
    const server = await listen(app, flags.listenAddresses, web);
    log.info(
      { version, urls: server.urls, cgroupRoot, source: choice, reason, node: flags.nodeName, capabilities },
      'serving',
    );
    setTimeout(keepHeap, STARTED_MS).unref();
    log.info({ signal: await stopped }, 'stopping');
    await server.close();
  } finally {
    exporter.close();
    source.stop();
    opened.sampler?.close();
    native?.close();
  }
}

function confine(probes: Probes, takesProfiles: boolean): readonly Capability[] {
  return inOneSentence(() => probes.dropCapabilities(takesProfiles ? ['CAP_SYS_PTRACE'] : []));
}

/**
 * Stops V8's memory reducer, which collects all garbage up to three times when a process has been idle for some seconds.
 * After each scrape that would cost more than the scrape, for memory that the next one needs.
 */
function keepHeap(): void {
  setFlagsFromString('--no-memory-reducer');
}

/**
 * Loads the chosen source. Configuration errors surface here, before the kernel is touched; requests begin when the
 * source is opened. Only the chosen module is loaded, because each takes memory.
 */
async function sourceOf(
  choice: DetectedSource['choice'],
  flags: ExporterFlags,
  log: Logger,
): Promise<() => Source> {
  if (choice === 'host') {
    const { HostSource } = await import('./host/source.js');
    return () => new HostSource(flags.engineSockets, log);
  }
  const config = await findApi(flags.kubeconfig);
  return () => new KubernetesSource(watchPods(config, flags.nodeName, log));
}

/** Parsing the file takes 20 MB, so the module is loaded only if there is one. */
async function webConfigOf(flags: ExporterFlags, log: Logger): Promise<WebConfigFile | undefined> {
  if (flags.webConfigFile === undefined) return undefined;
  const { openWebConfig } = await import('../common/web-config.js');
  return openWebConfig(flags.webConfigFile, log);
}

function cgroupRootOf(flags: ExporterFlags, log: Logger): string {
  const { mountPoint, wholeHierarchy } = findCgroupMount(flags.procfs, flags.cgroupfs);
  if (!wholeHierarchy) {
    log.warn(
      { mountPoint },
      "this cgroup2 mount shows only the exporter's own container; mount the host's /sys/fs/cgroup and set --path.cgroupfs",
    );
  }
  return mountPoint;
}

/** Logs the BPF programs that are missing or limited on this kernel, and what is lost. */
function logLimits(programs: readonly ProgramStatus[], log: Logger): void {
  for (const { probe, program, attached, detail } of programs) {
    if (!attached) log.warn({ probe, program, detail }, 'not attached');
    else if (detail !== '') log.info({ probe, program, detail }, 'attached with limits on this kernel');
  }
}

interface Attached {
  readonly probes: ExporterProbes;
  /** Undefined in reduced mode. */
  readonly native?: Probes;
  readonly reduced?: Reduced;
}

/** A probe that fails is reported by a warning and a metric; where none runs, cgroups tell less, which is reported, too. */
function attach(flags: ExporterFlags, cgroupRoot: string, log: Logger): Attached {
  try {
    const native = openProbes({
      cgroupRoot,
      probes: flags.probes,
      maxContainers: flags.maxContainers,
      cgroupEvents: true,
      onMessage: (level, message) => {
        log[level]({ source: 'libbpf' }, message);
      },
    });
    logLimits(native.programs, log);
    return { probes: native, native };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const { code, message: detail } = error;
    const reason = REDUCED_BY[code];
    if (reason === undefined) throw new KernscaleError(code, detail);
    const reduced = { reason, detail };
    log.warn(reduced, 'reduced mode: only the CPU time and the starvation of cgroups are measured');
    return { probes: new CgroupAccounts(cgroupRoot), reduced };
  }
}

/** Reduces an error of the addon to one sentence: libbpf's messages, such as the verifier's log, are logged already. */
function inOneSentence<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NativeError) throw new KernscaleError(error.code, error.message);
    throw error;
  }
}
