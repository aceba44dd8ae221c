import { expect } from 'chai';
import { dependencies, loadOrder, moduleIndex } from './modules.js';

const module = (depends: string) =>
  Buffer.from(`\x7fELF\0license=GPL\0depends=${depends}\0retpoline=Y\0name=x\0`, 'latin1');

const CONTENTS: Record<string, string> = {
  'kernel/fs/ext4/ext4.ko.xz': 'mbcache,jbd2',
  'kernel/fs/jbd2/jbd2.ko': '',
  'kernel/fs/mbcache.ko.zst': '',
  'kernel/drivers/virtio/virtio-pci.ko': 'virtio-ring',
  'kernel/drivers/virtio/virtio_ring.ko': '',
};

const names = async (files: readonly string[]) =>
  (await loadOrder(moduleIndex(files), (file) => Promise.resolve(module(CONTENTS[file]!)))).map(
    ({ name }) => name,
  );

describe('kernel modules of the guest', () => {
  it('reads the dependencies of a module from its .modinfo', () => {
    expect(dependencies(module('mbcache,jbd2'))).to.deep.equal(['mbcache', 'jbd2']);
    expect(dependencies(module(''))).to.deep.equal([]);
    expect(dependencies(Buffer.from('no module'))).to.deep.equal([]);
  });

  it('orders each module after its dependencies, regardless of compression and spelling', async () => {
    expect(await names(Object.keys(CONTENTS))).to.deep.equal([
      'virtio_ring',
      'virtio_pci',
      'mbcache',
      'jbd2',
      'ext4',
    ]);
  });

  it('treats a wanted module without a file as built in', async () => {
    expect(await names(['kernel/fs/jbd2/jbd2.ko'])).to.deep.equal([]);
  });

  it('fails when a dependency has no file', async () => {
    const error: unknown = await names(['kernel/fs/ext4/ext4.ko.xz']).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'NO_MODULE' });
  });
});
