import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import {
  isOfKind,
  podTemplates,
  render,
  ROOT,
  stringArguments,
  validate,
  type Container,
  type Manifest,
} from './manifests.js';
import { fences, pages } from '../../docs/pages.js';

/** An overlay next to the others, as a reader of docs/install.md writes it. */
class Overlays {
  private constructor(readonly directory: string) {}

  static async copy(): Promise<Overlays> {
    const directory = await mkdtemp(path.join(tmpdir(), 'kernscale-overlays-'));
    for (const part of ['manifests', 'rules', 'grafana']) {
      await cp(path.join(ROOT, part), path.join(directory, part), { recursive: true });
    }
    return new Overlays(directory);
  }

  async render(kustomization: string, files: Record<string, string> = {}) {
    const overlay = path.join(this.directory, 'manifests/overlays/mine');
    await rm(overlay, { recursive: true, force: true });
    await mkdir(overlay);
    for (const [name, text] of Object.entries({ ...files, 'kustomization.yaml': kustomization })) {
      await writeFile(path.join(overlay, name), text);
    }
    const manifests = await render(overlay);
    for (const manifest of manifests) await validate(manifest);
    return manifests;
  }

  async dispose(): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}

interface PodMonitorSpec {
  selector: { matchLabels: Record<string, string> };
  podMetricsEndpoints: { port: string; path: string; honorLabels: boolean }[];
}

function monitorSelector({ spec }: Manifest): Record<string, string> {
  return (spec as unknown as PodMonitorSpec).selector.matchLabels;
}

function selects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

const BASE = 'kind: Kustomization\nresources: [../../base]\n';

describe('components of the manifests', function () {
  this.timeout(60_000);
  let overlays: Overlays;

  before(async () => {
    overlays = await Overlays.copy();
  });
  after(() => overlays.dispose());

  async function containers(kustomization: string): Promise<Record<'exporter' | 'scaler', Container>> {
    const templates = podTemplates(await overlays.render(kustomization));
    const of = (name: string) => templates.find((pod) => pod.name === `kernscale-${name}`)!.containers[0]!;
    return { exporter: of('exporter'), scaler: of('scaler') };
  }

  it('profile: adds one flag and one capability, and nothing else', async () => {
    const base = await containers(BASE);
    const { exporter, scaler } = await containers(`${BASE}components: [../../components/profile]\n`);
    expect(scaler).to.deep.equal(base.scaler);
    expect(exporter).to.deep.equal({
      ...base.exporter,
      args: [...base.exporter.args!, '--profile'],
      securityContext: {
        ...base.exporter.securityContext,
        capabilities: { drop: ['ALL'], add: ['BPF', 'PERFMON', 'SYS_PTRACE'] },
      },
    });
  });

  it('web-config: exporter and scaler use the file of the secret, and kubelet probes pass without a password', async () => {
    const base = await containers(BASE);
    const manifests = await overlays.render(`${BASE}components: [../../components/web-config]\n`);
    const templates = podTemplates(manifests);
    expect(templates.map(({ name }) => name)).to.have.members(['kernscale-exporter', 'kernscale-scaler']);
    for (const {
      name,
      containers: [container],
      volumes,
    } of templates) {
      expect(stringArguments(container!)).to.include('--web.config.file=/etc/kernscale/web/web.yaml');
      const mounts = container!.volumeMounts!.map(({ name }) => name);
      expect(mounts)
        .to.have.members(volumes.map(({ name }) => name))
        .and.to.include('web-config');
      const { startupProbe, livenessProbe, readinessProbe } = container!;
      const before = base[name === 'kernscale-exporter' ? 'exporter' : 'scaler'];
      for (const [probe, { httpGet, ...times }] of [
        [startupProbe!, before.startupProbe!],
        [livenessProbe!, before.livenessProbe!],
        [readinessProbe!, before.readinessProbe!],
      ] as const) {
        expect(probe).to.deep.equal({ tcpSocket: { port: httpGet!.port }, ...times });
      }
    }
  });

  it('prometheus-operator: scrapes existing ports, and keeps the labels of the measured container', async () => {
    const manifests = await overlays.render(`${BASE}components: [../../components/prometheus-operator]\n`);
    const monitors = manifests
      .filter(isOfKind('PodMonitor'))
      .map(({ spec }) => spec as unknown as PodMonitorSpec);
    for (const { labels, containers } of podTemplates(manifests)) {
      const monitor = monitors.find(({ selector }) => selects(selector.matchLabels, labels));
      const [endpoint] = monitor!.podMetricsEndpoints;
      expect(endpoint).to.include({ honorLabels: true, path: '/metrics' });
      expect(containers[0]!.ports!.map((port) => port.name)).to.include(endpoint!.port);
    }
  });

  const SCRAPED: [by: string, kustomization: string][] = [
    ['annotations', BASE],
    ['PodMonitors', `${BASE}components: [../../components/prometheus-operator]\n`],
    ['the Prometheus of the manifests', `${BASE}components: [../../components/prometheus]\n`],
    ['the Prometheus of overlays/k3s', 'kind: Kustomization\nresources: [../k3s]\n'],
  ];
  for (const [by, kustomization] of SCRAPED) {
    it(`exporter and scaler are scraped once, by ${by}: a second job would double every sum`, async () => {
      const manifests = await overlays.render(kustomization);
      const monitors = manifests.filter(isOfKind(/Monitor$/));
      const annotated = manifests.filter(
        ({ kind, metadata }) =>
          kind === 'Service' && metadata.annotations?.['prometheus.io/scrape'] === 'true',
      );
      for (const { name, labels, annotations = {} } of podTemplates(manifests)) {
        if (!name.startsWith('kernscale-')) continue;
        const scrapers = [
          ...(annotations['prometheus.io/scrape'] === 'true' ? ['annotations'] : []),
          ...monitors.filter((monitor) => selects(monitorSelector(monitor), labels)),
          ...annotated.filter(({ spec }) => selects(spec!.selector!, labels)),
        ];
        expect(scrapers, name).to.have.length(1);
      }
    });
  }

  it('the Prometheus of the manifests has one job, which takes the port that annotations name', async () => {
    const text = await readFile(`${ROOT}/manifests/components/prometheus/prometheus.yml`, 'utf8');
    const { scrape_configs: jobs } = parse(text) as { scrape_configs: { relabel_configs: object[] }[] };
    expect(jobs).to.have.length(1);
    expect(jobs[0]!.relabel_configs[1]).to.deep.include({ action: 'keepequal' });
  });

  it('every overlay of the documentation renders', async () => {
    const snippets = pages()
      .flatMap(fences)
      .filter(({ language, code }) => language === 'yaml' && !/^(groups|rule_files):/.test(code))
      .map(({ code }) => code);
    expect(snippets).to.have.length.greaterThan(2);
    const base = await overlays.render(BASE);
    for (const snippet of snippets) {
      const whole = (parse(snippet) as { kind?: string }).kind === 'Kustomization';
      const rendered = await overlays.render(whole ? snippet : BASE + snippet, { 'shop.yaml': 'groups: []' });
      expect(rendered, snippet).not.to.deep.equal(base);
    }
  });
});
