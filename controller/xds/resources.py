"""Routes as envoy's messages: Listener, RouteConfiguration, Cluster and ClusterLoadAssignment; pure."""

from __future__ import annotations

from typing import Any

from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import address_pb2, base_pb2, config_source_pb2, health_check_pb2
from envoy.config.endpoint.v3 import endpoint_components_pb2, endpoint_pb2
from envoy.config.listener.v3 import api_listener_pb2, listener_pb2
from envoy.config.route.v3 import route_components_pb2, route_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt32Value

from controller.model import Endpoint
from controller.xds.routes import Group, Route

_PREFIX = "type.googleapis.com/envoy.config."
LISTENER = _PREFIX + "listener.v3.Listener"
ROUTES = _PREFIX + "route.v3.RouteConfiguration"
CLUSTER = _PREFIX + "cluster.v3.Cluster"
ENDPOINTS = _PREFIX + "endpoint.v3.ClusterLoadAssignment"

# In this order changes are sent, so that nothing names what the client cannot know yet.
TYPES = (CLUSTER, ENDPOINTS, LISTENER, ROUTES)
# Of these a response must hold every resource that the client asked for; of the others, the changed ones.
WHOLE_STATE = frozenset({CLUSTER, LISTENER})

# A call that never reached a model, or whose server went away, is tried elsewhere; gRPC never retries an answered one.
RETRY_ON = "unavailable,cancelled"
RETRIES = 3


def resources(route: Route) -> dict[str, AnyMessage]:
    """What is said of one workload, by type; every resource bears the workload's name."""
    return {
        LISTENER: _packed(listener(route.name)),
        ROUTES: _packed(route_configuration(route.name)),
        CLUSTER: _packed(cluster(route.name)),
        ENDPOINTS: _packed(load_assignment(route)),
    }


def listener(name: str) -> Any:
    """What `xds:///NAME` looks up first."""
    manager = hcm_pb2.HttpConnectionManager(
        rds=hcm_pb2.Rds(route_config_name=name, config_source=_ads()),
        http_filters=[hcm_pb2.HttpFilter(name="router", typed_config=_packed(router_pb2.Router()))],
    )
    return listener_pb2.Listener(name=name, api_listener=api_listener_pb2.ApiListener(api_listener=_packed(manager)))


def route_configuration(name: str) -> Any:
    """All calls to the cluster of the same name; those that find nobody are tried again elsewhere."""
    parts = route_components_pb2
    action = parts.RouteAction(cluster=name, retry_policy=_retries())
    route = parts.Route(match=parts.RouteMatch(prefix=""), route=action)
    host = parts.VirtualHost(name=name, domains=["*"], routes=[route])
    return route_pb2.RouteConfiguration(name=name, virtual_hosts=[host])


def cluster(name: str) -> Any:
    """Localities by weight, and within each its endpoints in turn; those that cannot be reached are passed over."""
    return cluster_pb2.Cluster(
        name=name,
        type=cluster_pb2.Cluster.EDS,
        eds_cluster_config=cluster_pb2.Cluster.EdsClusterConfig(eds_config=_ads(), service_name=name),
        lb_policy=cluster_pb2.Cluster.ROUND_ROBIN,
    )


def load_assignment(route: Route) -> Any:
    """One locality per segment."""
    localities = [_locality(group) for group in route.groups]
    return endpoint_pb2.ClusterLoadAssignment(cluster_name=route.name, endpoints=localities)


def _locality(group: Group) -> Any:
    return endpoint_components_pb2.LocalityLbEndpoints(
        locality=base_pb2.Locality(zone=group.node, sub_zone=group.segment),
        load_balancing_weight=UInt32Value(value=group.weight),
        lb_endpoints=[_endpoint(endpoint) for endpoint in group.endpoints],
    )


def _endpoint(endpoint: Endpoint) -> Any:
    socket = address_pb2.SocketAddress(address=endpoint.host, port_value=endpoint.port)
    return endpoint_components_pb2.LbEndpoint(
        endpoint=endpoint_components_pb2.Endpoint(address=address_pb2.Address(socket_address=socket)),
        health_status=health_check_pb2.HEALTHY,
        load_balancing_weight=UInt32Value(value=1),
    )


def _retries() -> Any:
    policy = route_components_pb2.RetryPolicy
    backoff = policy.RetryBackOff(base_interval=_milliseconds(25), max_interval=_milliseconds(250))
    return policy(retry_on=RETRY_ON, num_retries=UInt32Value(value=RETRIES), retry_back_off=backoff)


def _milliseconds(count: int) -> Duration:
    return Duration(nanos=count * 1_000_000)


def _ads() -> Any:
    source = config_source_pb2.ConfigSource
    return source(ads=config_source_pb2.AggregatedConfigSource(), resource_api_version=config_source_pb2.V3)


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message, deterministic=True)
    return packed
