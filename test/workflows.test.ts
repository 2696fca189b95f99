import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const workflow = read('.github/workflows/test.yml');

it('runs on the releases of Node that engines names', () => {
  const { engines } = JSON.parse(read('package.json'));
  const supported = engines.node.split('||').map((range: string) => Number(/\d+/.exec(range)));
  expect(supported.length).toBeGreaterThan(1);
  const [, matrix] = /^ +node: \[([\d, ]+)\]/m.exec(workflow)!;
  expect(matrix!.split(',').map(Number)).toEqual(supported);
});

it('runs the command that everybody runs, and then the one for what is no Node', () => {
  const commands = [...workflow.matchAll(/- run: (.*)/g)].map(([, command]) => command);
  expect(commands).toEqual(['npm test', 'npm run test:nodes -- bun deno']);
  expect(read('.ci/run')).toMatch(/exec npm test\b/);
});

it('publishes nothing that was not tested', () => {
  const publish = read('.github/workflows/publish.yml');
  expect(workflow).toMatch(/^ {2}workflow_call:/m);
  expect(publish).toMatch(/^ {2}test:\n {4}uses: \.\/\.github\/workflows\/test\.yml$/m);
  expect(publish).toMatch(/^ {2}publish:\n {4}needs: test$/m);
});
