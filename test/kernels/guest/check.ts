import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { openProbes, openStackSampler } from 'bpf-linker-napi';
import { CGROUP_ROOT } from './container.js';
import type { Line } from './report.js';
import { skippedRuns } from './skipped.js';
import { runTruths } from './truths.js';

/** What runs in the guest: loads and attaches every probe, holds it against tasks with known truth. */
async function check(): Promise<void> {
  const controllers = readFileSync(join(CGROUP_ROOT, 'cgroup.subtree_control'), 'utf8').trim().split(' ');
  tell({ kernel: { release: release(), controllers } });
  const created: bigint[] = [];
  const probes = openProbes({
    cgroupRoot: CGROUP_ROOT,
    maxContainers: 32,
    cgroupEvents: true,
    onMessage: (level, message) => {
      if (level !== 'debug') console.error(`libbpf: ${level}: ${message.trimEnd()}`);
    },
  });
  probes.followCgroups(({ events }) => {
    for (const { kind, cgroupId } of events) if (kind === 'created') created.push(cgroupId);
  });
  try {
    tell({ programs: probes.programs });
    const sampler = openStackSampler();
    tell({ programs: sampler.programs });
    sampler.close();
    await runTruths(probes, created, (truth) => {
      tell({ truth });
    });
    tell({ skippedRuns: skippedRuns() });
  } finally {
    probes.close();
  }
}

function tell(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  await check();
} catch (error) {
  console.error(error);
  tell({ error: error instanceof Error ? error.message : String(error) });
}
tell({ end: true });
