import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { fromRoot } from '../../../sandbox/paths.js';
import { anchors, links, pages } from '../../docs/pages.js';

describe('the documentation', () => {
  const all = pages();
  const byPath = new Map(all.map((page) => [page.path, page]));
  /** A link as a path from the root, and its anchor; undefined for another site. */
  const resolve = (from: string, target: string) => {
    if (/^[a-z]+:/.test(target)) return undefined;
    const [file = '', anchor] = target.split('#');
    return { file: file === '' ? from : path.join(path.dirname(from), file), anchor };
  };

  for (const page of all) {
    it(`${page.path} has no broken link`, () => {
      const broken = links(page).filter((target) => {
        const to = resolve(page.path, target);
        if (!to) return false;
        const linked = byPath.get(to.file);
        return (
          !existsSync(fromRoot(to.file)) ||
          (to.anchor !== undefined && linked && !anchors(linked).has(to.anchor))
        );
      });
      expect(broken).to.deep.equal([]);
    });
  }

  it('every page is in the index', () => {
    const index = byPath.get('docs/README.md')!;
    const listed = links(index).map((target) => resolve(index.path, target)?.file);
    const own = all.map((page) => page.path).filter((name) => /^docs\/(?!README)/.test(name));
    expect(listed).to.include.members(own);
  });

  it('README.md has at most 150 lines', () => {
    expect(byPath.get('README.md')!.text.trimEnd().split('\n').length).to.be.at.most(150);
  });
});
