import { openProbes, type OpenOptions, type Probes } from 'bpf-linker-napi';
import { buildTruth, cgroupRoot, requireKernel, Sandbox } from './harness.js';

const BUILD_TIMEOUT_MS = 60_000;

/** What the tests of a suite measure with, and where they run what they measure. */
export interface KernelSuite {
  readonly probes: Probes;
  readonly sandbox: Sandbox;
}

/**
 * Gives the enclosing suite loaded probes, and each of its tests a sandbox; neither outlives its user, also when
 * a test fails. To be called in the body of a `describe`.
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
