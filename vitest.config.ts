import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/** What kills, or measures time or CPU: another file beside it would be what it sees. */
const alone = [
  'test/{e2e,faults}/*.spec.ts',
  'test/integration/stream-idle-cpu.spec.ts',
  'test/model/fresh-version.spec.ts',
];

export default defineConfig({
  resolve: { conditions: ['tidemill-source'] },
  ssr: { resolve: { conditions: ['tidemill-source'] } },
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    execArgv: ['--conditions=tidemill-source'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'beside',
          include: ['apps/**/*.spec.ts', 'libs/**/*.spec.ts', 'test/**/*.spec.ts'],
          exclude: [...configDefaults.exclude, ...alone],
          // A core is left free, as is Vitest's way, unless that leaves only one: a test mostly waits for what it started.
          maxWorkers: Math.max(2, availableParallelism() - 1),
        },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
