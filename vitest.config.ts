import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxConcurrency: 20,
    // Most of them wait for other programs most of the time.
    maxWorkers: 3,
  },
});
