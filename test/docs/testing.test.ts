import '../../docs/examples/testing/answers.test.ts';
import '../../docs/examples/testing/events.test.ts';
import '../../docs/examples/testing/store.test.ts';
import '../../docs/examples/testing/time.test.ts';
