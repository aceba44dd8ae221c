#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import {
  NativeError,
  openProbes,
  SIZE_BOUNDS_BYTES,
  TIME_BOUNDS_SECONDS,
  type Capability,
  type Probes,
} from 'bpf-linker-napi';
import { KernscaleError } from '../common/errors.js';
import { listen } from '../common/http.js';
import { createLogger, type Logger } from '../common/log.js';
import { runMain, terminationSignal } from '../common/main.js';
import { packageVersion } from '../common/version.js';
import type { WebConfigFile } from '../common/web-config-file.js';
import { findCgroupMount } from './cgroups/mount.js';
import { detectSource, type DetectedSource } from './identity/detect.js';
import { Exporter } from './exporter.js';
import { findApi, isClusterGiven } from './identity/find-api.js';
import { parseExporterFlags, type ExporterFlags } from './flags.js';
import { KubernetesSource, watchPods } from './identity/kubernetes.js';
import { openSampler, profileService } from './profile/service.js';
import { logLimits } from './program-log.js';
import type { Source } from './identity/source.js';
import { createApp } from './web.js';

/** Until then V8 may shrink its heap: starting, and reading the first list of pods, leave much behind. */
const STARTED_MS = 60_000;

await runMain('kernscale-exporter', async (argv) => {
  const version = packageVersion();
  const flags = parseExporterFlags(argv, version);
  if (flags?.checkOnly) await check(flags);
  else if (flags) await run(flags, version);
  return 0;
});

/** Reads every file that the flags name, and touches nothing else. */
async function check(flags: ExporterFlags): Promise<void> {
  await webConfigOf(flags, createLogger(flags.log));
  if (flags.source !== 'host' && isClusterGiven(flags.kubeconfig)) await findApi(flags.kubeconfig);
  process.stdout.write('The configuration is good.\n');
}

async function run(flags: ExporterFlags, version: string): Promise<void> {
  const log = createLogger(flags.log);
  const stopped = terminationSignal();
  const web = await webConfigOf(flags, log);
  const cgroupRoot = cgroupRootOf(flags, log);
  const { choice, why } = detectSource(flags.source, isClusterGiven(flags.kubeconfig), cgroupRoot);
  const openSource = await sourceOf(choice, flags, log);
  const probes = attach(flags, cgroupRoot, log);
  const profiling = (): boolean => flags.profile ?? web?.authenticates ?? false;
  const opened = openSampler(profiling(), log);
  const capabilities = dropCapabilities(probes, opened.sampler ? ['CAP_SYS_PTRACE'] : []);
  const source = openSource();
  const exporter = new Exporter({
    probes,
    profilePrograms: opened.programs,
    bounds: { seconds: TIME_BOUNDS_SECONDS, bytes: SIZE_BOUNDS_BYTES },
    detail: flags.histogramsDetail,
    cgroupRoot,
    source,
    policy: { ignoreNamespaces: flags.ignoreNamespaces, keepSeconds: flags.keepDeadSeconds },
    version,
    log,
  });
  const profiles = profileService(opened, profiling, exporter, {
    readsFiles: capabilities.includes('CAP_SYS_PTRACE'),
    procfs: flags.procfs,
  });
  try {
    const server = await listen(createApp(exporter, profiles, version, log), flags.listenAddresses, web);
    const { urls } = server;
    log.info(
      { version, urls, cgroupRoot, source: choice, why, node: flags.nodeName, capabilities },
      'serving',
    );
    setTimeout(keepHeap, STARTED_MS).unref();
    log.info({ signal: await stopped }, 'stopping');
    await server.close();
  } finally {
    exporter.close();
    source.stop();
    opened.sampler?.close();
    probes.close();
  }
}

/**
 * Whenever a process has been quiet for some seconds, V8 collects all garbage up to three times to give memory back
 * (its "memory reducer"). After each scrape that would cost more than the scrape, for memory that the next one needs.
 */
function keepHeap(): void {
  setFlagsFromString('--no-memory-reducer');
}

/**
 * Configuration errors come out here, before the kernel is touched; requests begin when the source is opened. Loads
 * only the source that is wanted, because each takes memory.
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

/** What reads the file takes 20 MB: it is loaded only when there is one. */
async function webConfigOf(flags: ExporterFlags, log: Logger): Promise<WebConfigFile | undefined> {
  if (flags.webConfigFile === undefined) return undefined;
  const { openWebConfig } = await import('../common/web-config-file.js');
  return openWebConfig(flags.webConfigFile, log);
}

function cgroupRootOf(flags: ExporterFlags, log: Logger): string {
  const { mountPoint, wholeHierarchy } = findCgroupMount(flags.procfs, flags.cgroupfs);
  if (!wholeHierarchy) {
    log.warn(
      { mountPoint },
      "this cgroup2 mount shows only our own container; mount the host's /sys/fs/cgroup and name it with --path.cgroupfs",
    );
  }
  return mountPoint;
}

/** One probe that fails is a warning and a metric; an exporter without any would only mislead. */
function attach(flags: ExporterFlags, cgroupRoot: string, log: Logger): Probes {
  const probes = open(flags, cgroupRoot, log);
  logLimits(probes.programs, log);
  return probes;
}

function open(flags: ExporterFlags, cgroupRoot: string, log: Logger): Probes {
  return inOneSentence(() =>
    openProbes({
      cgroupRoot,
      probes: flags.probes,
      maxContainers: flags.maxContainers,
      cgroupEvents: true,
      onMessage: (level, message) => {
        log[level]({ source: 'libbpf' }, message);
      },
    }),
  );
}

function dropCapabilities(probes: Probes, keep: readonly Capability[]): readonly Capability[] {
  return inOneSentence(() => probes.dropCapabilities(keep));
}

/** What libbpf said, the verifier's log perhaps, has been logged; the sentence is what ends the process. */
function inOneSentence<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof NativeError) throw new KernscaleError(error.code, error.message);
    throw error;
  }
}
