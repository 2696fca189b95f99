import { answer } from './child.ts';
import { type ChurnPlan, type ChurnResult, churn } from './clients/churn.ts';
import { type Deliveries, Group, type GroupPlan, type Pace, type Wanted } from './clients/group.ts';
import { type LoopDelay, watchLoop } from './loop-delay.ts';
import { ownUsage, type Usage } from './usage.ts';

/** The process that holds the clients: what it answers. Groups are called by the number that `group` gave. */
export interface GeneratorCalls {
  group(plan: GroupPlan): number;
  /** See Group.open. Gives milliseconds, and takes at most `deadline` of them. */
  open(group: number, port: number, pace?: Pace, deadline?: number): Promise<number>;
  /** See Group.untilShown. */
  untilShown(group: number, wanted: Wanted, deadline?: number): Promise<number>;
  /** See Group.missed: asked for at the end of a measurement, when nothing more is to come. */
  missed(group: number): number;
  takeDeliveries(group: number): Deliveries;
  disconnected(group: number): number;
  /** How many connections ended although nobody here closed them, since `open`. Prints why. */
  lost(group: number): number;
  /** Comments that came to all clients, which is what heartbeats are. */
  comments(group: number): number;
  /** Closes the clients and forgets them. */
  close(group: number): void;
  churn(plan: ChurnPlan): Promise<ChurnResult>;
  /** Of this process. */
  usage(): Promise<Usage>;
  /** How late this process was since this was asked the last time: a run in which it lagged is void. */
  lag(): LoopDelay;
}

const groups = new Map<number, Group>();
let groupsMade = 0;
let endWatch = watchLoop();

answer({
  group(plan) {
    groups.set(++groupsMade, new Group(plan));
    return groupsMade;
  },
  open: (group, port, pace = { atOnce: 200 }, deadline = 60_000) => groupAt(group).open(port, pace, deadline),
  untilShown: (group, wanted, deadline = 30_000) => groupAt(group).untilShown(wanted, deadline),
  takeDeliveries: (group) => groupAt(group).takeDeliveries(),
  missed: (group) => groupAt(group).missed,
  disconnected: (group) => groupAt(group).disconnected,
  lost(group) {
    const { lostConnections } = groupAt(group);
    for (const why of new Set(lostConnections)) console.error(`a connection was lost: ${why}`);
    return lostConnections.length;
  },
  comments: (group) => groupAt(group).comments,
  close(group) {
    groupAt(group).close();
    groups.delete(group);
  },
  churn,
  usage: () => ownUsage({ gc: false }),
  lag() {
    const lag = endWatch();
    endWatch = watchLoop();
    return lag;
  },
} satisfies GeneratorCalls);

function groupAt(number: number): Group {
  const group = groups.get(number);
  if (group === undefined) throw new Error(`there is no group ${number}`);
  return group;
}
