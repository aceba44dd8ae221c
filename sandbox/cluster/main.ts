import { readFile } from 'node:fs/promises';
import { KernscaleError } from '../../common/errors.js';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { startCluster } from './index.js';

interface Flags {
  manifest: string[];
  image: string[];
  node: string;
}

/** Runs only the stand-in cluster, for use with kubectl, until a signal. */
async function main(argv: readonly string[]): Promise<number> {
  const command = commandLine(
    'cluster',
    'Runs a Kubernetes cluster of one node whose pods are processes of this machine',
  )
    .addOption(flag('--manifest <file...>', 'Manifests to apply at start', []))
    .addOption(
      flag('--image <name=directory...>', 'Directory in which the programs of an image are looked up', [
        'host=/',
      ]),
    )
    .addOption(flag('--node <name>', 'Name of the node', 'kernscale-demo'));
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const signal = terminationSignal();
  const images = Object.fromEntries(flags.image.map(parseImage));
  const cluster = await startCluster({ nodeName: flags.node, images, log: logLine });
  try {
    for (const file of flags.manifest) await cluster.apply(await readFile(file, 'utf8'));
    process.stdout.write(`export KUBECONFIG=${cluster.kubeconfigPath}\n`);
    await signal;
    return 0;
  } finally {
    await cluster.stop();
  }
}

function parseImage(text: string): [string, string] {
  const [, name, directory] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && directory !== undefined) return [name, directory];
  throw new KernscaleError('BAD_FLAG', `"${text}" is not an image; write it like name=directory`);
}

function logLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

await runMain('cluster', main);
