import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { podTemplates, render, ROOT } from './manifests.js';

/** What builds an image under the name that a kubelet looks for; buildah would put `localhost/` before a short name. */
const BUILDERS: Record<string, (image: string) => RegExp> = {
  docker: (image) => new RegExp(`^docker build -t ${image}\\b`, 'm'),
  nerdctl: (image) => new RegExp(`^sudo nerdctl .*--namespace=k8s\\.io build -t ${image}\\b`, 'm'),
  buildah: (image) => new RegExp(`^buildah build -t docker\\.io/library/${image}\\b`, 'm'),
};

describe('images that nobody has published', function () {
  this.timeout(60_000);
  let images: string[];
  let pages: string;

  before(async () => {
    const rendered = await Promise.all(['manifests/overlays/k3s', 'manifests/demo'].map(render));
    const used = podTemplates(rendered.flat()).flatMap(({ containers }) =>
      containers.map(({ image }) => image),
    );
    images = [...new Set(used)].filter((image) => image.startsWith('kernscale'));
    const texts = ['docs/k3s.md', 'manifests/README.md'].map((page) => readFile(`${ROOT}/${page}`, 'utf8'));
    pages = (await Promise.all(texts)).join('\n');
  });

  for (const [tool, command] of Object.entries(BUILDERS)) {
    it(`the documentation builds them with ${tool}, tagged as the manifests name them`, () => {
      expect(images).to.have.members(['kernscale:dev', 'kernscale-workloads:dev']);
      for (const image of images) expect(pages).to.match(command(image));
    });
  }

  it('every image that the Dockerfile begins with has a registry, which buildah does not guess', async () => {
    const dockerfile = await readFile(`${ROOT}/Dockerfile`, 'utf8');
    const bases = [...dockerfile.matchAll(/^(?:FROM|ARG \w+_IMAGE=)\s*(\S+)/gm)].map(([, image]) => image!);
    const stages = [
      'scratch',
      ...[...dockerfile.matchAll(/^FROM .* AS (\S+)$/gm)].map(([, stage]) => stage!),
    ];
    const named = bases.filter((image) => !stages.includes(image) && !image.startsWith('$'));
    expect(named).not.to.be.empty;
    for (const image of named) expect(image).to.match(/^[\w-]+\.[\w.-]+\//);
  });
});
