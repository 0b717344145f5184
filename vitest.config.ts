import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: whole instances boot in some of these files, and a third worker would only make each of them slower.
    maxWorkers: 2,
    setupFiles: ['test/setup.ts'],
  },
});
