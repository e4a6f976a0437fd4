import { expect, it } from 'vitest';
import { providerFinding } from './doctor.ts';

const supported = [
  { name: 'cpu', missing: undefined },
  { name: 'coreml', missing: undefined },
  { name: 'cuda', missing: '/bin/libonnxruntime_providers_cuda.so' },
];

it.each([
  ['coreml', 'ok', 'has what it needs', ''],
  ['cuda', 'wrong', '/bin/libonnxruntime_providers_cuda.so is not there', 'ONNXRUNTIME_NODE_INSTALL=cuda12'],
  ['dml', 'wrong', 'knows cpu, coreml, cuda', 'another provider'],
])('provider %s is %s', (provider, state, found, mend) => {
  expect(providerFinding(provider, supported)).toEqual({
    part: `provider ${provider}`,
    state,
    found: expect.stringContaining(found),
    mend: expect.stringContaining(mend),
  });
});
