import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { openProbes, openStackSampler } from 'bpf-linker-napi';
import { CGROUP_ROOT } from './container.js';
import { profileTruths } from './profiles.js';
import type { Line } from './report.js';
import { runTruths, skippedRuns } from './truths.js';

const LOCKDOWN = '/sys/kernel/security/lockdown';

/** Loads and attaches every probe, and compares its counters with tasks that measure themselves. */
async function check(): Promise<void> {
  const controllers = readFileSync(join(CGROUP_ROOT, 'cgroup.subtree_control'), 'utf8').trim().split(' ');
  report({ kernel: { release: release(), controllers, lockdown: lockdown() } });
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
    report({ programs: probes.programs });
    await runTruths(probes, created, (truth) => {
      report({ truth });
    });
    const sampler = openStackSampler();
    report({ programs: sampler.programs });
    for (const truth of await profileTruths(probes, sampler)) report({ truth });
    sampler.close();
    report({ skippedRuns: skippedRuns() });
  } finally {
    probes.close();
  }
}

/** The mode in force, in brackets among all modes. */
function lockdown(): string {
  return /\[(\w+)\]/.exec(readFileSync(LOCKDOWN, 'utf8'))?.[1] ?? '';
}

function report(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

try {
  await check();
} catch (error) {
  console.error(error);
  report({ error: error instanceof Error ? error.message : String(error) });
}
report({ end: true });
