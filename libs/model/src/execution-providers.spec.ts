import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingLibrary, providersInTurn, supportedProviders } from './execution-providers.ts';
import { hostModel, ModelHost } from './model-host.ts';
import { temporaryFolder, writeTestBundle } from './testing/test-bundle.ts';

describe('providersInTurn', () => {
  const known = ['cpu', 'cuda', 'tensorrt'];

  it.each([
    [['cpu'], [['cpu']]],
    [['cuda'], [['cuda']]],
    [
      ['cuda', 'cpu'],
      [['cuda', 'cpu'], ['cpu']],
    ],
    [
      ['tensorrt', 'cuda'],
      [['tensorrt', 'cuda'], ['cuda']],
    ],
    [
      ['tensorrt', 'cuda', 'cpu'],
      [['tensorrt', 'cuda', 'cpu'], ['cuda', 'cpu'], ['cpu']],
    ],
    [['cpu', 'cuda'], [['cpu']]],
    [
      ['dml', 'cuda', 'cpu'],
      [['cuda', 'cpu'], ['cpu']],
    ],
    [['dml'], []],
  ])('%j', (wanted, turns) => {
    expect(providersInTurn(wanted, known)).toEqual(turns);
  });
});

describe('supportedProviders', () => {
  it('knows the processor, which needs nothing', async () => {
    expect(await supportedProviders()).toContainEqual({ name: 'cpu', missing: undefined });
  });

  it('misses the library of another until it is there', async () => {
    await using folder = await temporaryFolder();
    const library = join(folder.path, 'libonnxruntime_providers_cuda.so');
    expect(missingLibrary('cuda', folder.path)).toBe(library);
    await writeFile(library, '');
    expect(missingLibrary('cuda', folder.path)).toBeUndefined();
  });
});

describe('a host', () => {
  it('says on what it runs, not what was wanted first', async () => {
    await using folder = await temporaryFolder();
    const bundle = await writeTestBundle(join(folder.path, 'bundle'));
    for (const wanted of [
      ['cuda', 'dml', 'coreml', 'cpu'],
      ['cpu', 'cuda'],
    ]) {
      await using host = await ModelHost.open(hostModel(bundle), { executionProviders: wanted, threads: 1 });
      expect(host.device).toBe('cpu');
    }
    const opening = ModelHost.open(hostModel(bundle), { executionProviders: ['made-up', 'cuda'], threads: 1 });
    await expect(opening).rejects.toThrow(/could open the model \(made-up: .* does not have it; cuda.*: /);
  });
});
