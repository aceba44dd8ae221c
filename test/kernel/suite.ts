import { openProbes, type OpenOptions, type Probes } from 'bpf-linker-napi';
import { buildTruth, requireKernel, Sandbox } from './harness.js';
import { cgroupRoot } from './mounts.js';

const BUILD_TIMEOUT_MS = 60_000;

/** Probes of a suite, and the sandbox of the running test. */
export interface KernelSuite {
  readonly probes: Probes;
  readonly sandbox: Sandbox;
}

/**
 * Loads probes for the enclosing suite and creates a sandbox for each of its tests; both are removed afterwards, also
 * if a test fails. Call it in the body of a `describe`.
 */
export function useKernel(options: Omit<OpenOptions, 'cgroupRoot'>): KernelSuite {
  let probes: Probes | undefined;
  let sandbox: Sandbox | undefined;
  before(function () {
    requireKernel(() => {
      this.skip();
    });
    this.timeout(BUILD_TIMEOUT_MS);
    buildTruth();
    probes = openProbes({ cgroupRoot: cgroupRoot(), ...options });
  });
  after(() => probes?.close());
  beforeEach(() => {
    sandbox = new Sandbox();
  });
  afterEach(async () => {
    for (const id of sandbox?.ids ?? []) probes?.untrack(id);
    await sandbox?.dispose();
  });
  return {
    get probes() {
      return probes!;
    },
    get sandbox() {
      return sandbox!;
    },
  };
}

/** Runs `work` with a second set of probes. */
export async function withProbes(
  options: Omit<OpenOptions, 'cgroupRoot'>,
  work: (probes: Probes) => Promise<void>,
): Promise<void> {
  const probes = openProbes({ cgroupRoot: cgroupRoot(), ...options });
  try {
    await work(probes);
  } finally {
    probes.close();
  }
}
