import { defineConfig } from 'vitest/config';

// One project per breadth: unit tests sit beside their file, everything wider under test/.
export default defineConfig({
  resolve: { conditions: ['tidemill-source'] },
  ssr: { resolve: { conditions: ['tidemill-source'] } },
  test: {
    include: ['apps/**/*.spec.ts', 'libs/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    globalSetup: ['test/support/global-setup.ts'],
    execArgv: ['--conditions=tidemill-source'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
