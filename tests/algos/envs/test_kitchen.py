"""Kitchen as D4RL steps it."""

import numpy as np

from algos.envs import kitchen
from tests.algos.envs.tasks import make

# --- Kitchen ---


def test_kitchen_observes_positions_and_the_goal() -> None:
    environment = make("kitchen-complete-v0")
    assert isinstance(environment, kitchen.Kitchen)
    observation, _ = environment.reset(seed=0)
    qpos = environment.kitchen.data.qpos
    noise = np.abs(observation[:30] - qpos)
    assert (noise[:9] <= 0.1 * 0.1 + 1e-6).all()
    assert (noise[9:] <= 0.1 * kitchen.Kitchen.OBJECT_NOISE + 1e-6).all()
    goal = observation[30:]
    # microwave 22, kettle 23-29, light switch 17 and 18, slide cabinet 19; nothing else is asked for.
    assert goal[22] == np.float32(-0.75)
    np.testing.assert_allclose(goal[23:30], [-0.23, 0.75, 1.62, 0.99, 0, 0, -0.06], rtol=1e-6)
    np.testing.assert_allclose(goal[17:20], [-0.69, -0.05, 0.37], rtol=1e-6)
    assert not goal[:17].any()
    assert not goal[20:22].any()
    environment.close()


def test_kitchen_pays_each_task_once_and_ends_when_none_is_left() -> None:
    environment = make("kitchen-mixed-v0")
    assert isinstance(environment, kitchen.Kitchen)
    environment.reset(seed=0)
    robot = environment.kitchen.robot_env
    qpos = robot.data.qpos.copy()
    rewards, ended = [], []
    for entries in ([22], range(23, 30), [11, 12], [17, 18]):
        for entry in entries:
            qpos[entry] = environment.goal[entry]
        robot.set_state(qpos, np.zeros(robot.model.nv))
        _, reward, terminated, _, _ = environment.step(np.zeros(9))
        rewards.append(reward)
        ended.append(terminated)
        if not terminated:
            robot.set_state(qpos, np.zeros(robot.model.nv))
            assert environment.step(np.zeros(9))[1] == 0
    assert rewards == [1, 1, 1, 1]
    assert ended == [False, False, False, True]
    environment.close()
