from bench.demo.world import World
def split(world: World) -> None: pass
def stop_tail(world: World) -> None: pass
