import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { parseDuration } from '../../common/duration.js';
import { parseQuantity } from '../../common/quantity.js';
import { fromRoot } from '../paths.js';
import type { Load } from './outcome.js';
import type { CpuTruth } from './scenarios.js';

/** Image of the demo's containers; the stand-in cluster runs its programs from the build directory. */
export const WORKLOAD_IMAGE = 'kernscale-workloads:dev';

const DIRECTORY = fromRoot('manifests/demo');
const CHAIN_LOAD = 'loadgen-chain';
const DISK_LOAD = 'loadgen-disk';
/** Load generators of `disk` in the second half: more than most disks can serve. */
const PEAK_OF_DISK = 6;
/** The default target of a rule: the part of the CPU request that should be used. */
const TARGET_UTILIZATION = 0.7;

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec?: {
    replicas?: number;
    template?: { spec: { containers: { command: string[]; resources: { requests: { cpu: string } } }[] } };
  };
}

export interface DemoManifests {
  /** Everything but the load generator of `chain`, as one YAML stream. */
  readonly atStart: string;
  /** The load generator of `chain`, and more of those of `disk`. */
  readonly peak: string;
}

/** The demo's manifests, in the order in which `kubectl apply -k manifests/demo` sends them. */
export function demoManifests(): DemoManifests {
  const manifests = read();
  const isChainLoad = ({ metadata }: Manifest) => metadata.name === CHAIN_LOAD;
  return {
    atStart: toYaml(manifests.filter((manifest) => !isChainLoad(manifest))),
    peak: toYaml([
      ...manifests.filter(isChainLoad),
      ...manifests
        .filter(({ metadata }) => metadata.name === DISK_LOAD)
        .map((manifest) => ({ ...manifest, spec: { ...manifest.spec, replicas: PEAK_OF_DISK } })),
    ]),
  };
}

/**
 * The replicas that `cpu` needs, computed from the manifests: requests per second × CPU seconds per request ÷ the part
 * of one pod's CPU request that its rule targets.
 */
export function cpuTruth(peakFrom: number): CpuTruth {
  const manifests = read();
  const perRequest = parseDuration(argument(manifests, 'cpu', 'burn'));
  const perPod = parseQuantity(container(manifests, 'cpu').resources.requests.cpu) * TARGET_UTILIZATION;
  const replicas = (rate: number) => Math.ceil((rate * perRequest) / perPod);
  const own = Number(argument(manifests, 'loadgen-cpu', 'rate'));
  const chain = Number(argument(manifests, CHAIN_LOAD, 'rate'));
  return { alone: replicas(own), withChain: replicas(own + chain), peakFrom };
}

/** What the load generators that keep a rate ask of each workload, as their manifests say. */
export function loads(): ReadonlyMap<string, Load> {
  const manifests = read();
  const rate = (workload: string) => Number(argument(manifests, `loadgen-${workload}`, 'rate'));

  return new Map([
    ['cpu', { rate: rate('cpu'), peak: rate('cpu') }],
    ['chain', { rate: 0, peak: rate('chain') }],
    ['disk', { rate: rate('disk'), peak: PEAK_OF_DISK * rate('disk') }],
  ]);
}

interface Kustomization {
  namespace: string;
  resources: string[];
}

/** In kustomize's order: Services come before the pods that find them through their environment. */
function read(): Manifest[] {
  const text = (name: string) => readFileSync(join(DIRECTORY, name), 'utf8');
  const { namespace, resources } = parse(text('kustomization.yaml')) as Kustomization;
  const order = ['Namespace', 'Service', 'Deployment'];
  const rank = ({ kind }: Manifest) => order.indexOf(kind);
  return resources
    .flatMap((name) => parseAllDocuments(text(name)).map((document) => document.toJS() as Manifest))
    .map((manifest) => (manifest.kind === 'Namespace' ? manifest : inNamespace(manifest, namespace)))
    .toSorted((a, b) => rank(a) - rank(b));
}

function inNamespace(manifest: Manifest, namespace: string): Manifest {
  return { ...manifest, metadata: { ...manifest.metadata, namespace } };
}

function toYaml(manifests: readonly Manifest[]): string {
  return manifests.map((manifest) => stringify(manifest)).join('---\n');
}

function container(manifests: readonly Manifest[], deployment: string) {
  const found = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === deployment);
  return found!.spec!.template!.spec.containers[0]!;
}

function argument(manifests: readonly Manifest[], deployment: string, name: string): string {
  const prefix = `--${name}=`;
  return container(manifests, deployment)
    .command.find((word) => word.startsWith(prefix))!
    .slice(prefix.length);
}
