// Names of well-known services by port: what reads "https" instead of 443. Standard library only; everything is
// constexpr and may be used from any thread.
//
//   ServiceName(443, 6)     "https"
//   ServiceName(514, 17)    "syslog"    514 over TCP is "rsh"
//   ServiceName(50123, 6)   ""          nobody's
//
// A name says what usually listens at a port, not what did. The table holds the ports that people meet in their logs:
// names as the IANA registry or the program's own documentation has them, shortened where people do ("dns").
#ifndef FLOWLOGS_SCHEMA_SERVICES_H_
#define FLOWLOGS_SCHEMA_SERVICES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

namespace flowlogs {
inline namespace v1 {

// A service. `transports` is a set of the bits kTcp, kUdp and kSctp.
struct Service {
  static constexpr uint8_t kTcp = 1;
  static constexpr uint8_t kUdp = 2;
  static constexpr uint8_t kSctp = 4;

  uint16_t port;
  uint8_t transports;
  std::string_view name;  // lower-case letters, digits, hyphens, dots
};

// All of them, by ascending port. A port stands twice where its transports carry different services.
constexpr std::span<const Service> AllServices();

// The name of the service at a port; "" if there is none. `protocol` is an IANA protocol number; only TCP (6), UDP (17)
// and SCTP (132) have ports. Any numbers are allowed.
constexpr std::string_view ServiceName(int64_t port, int64_t protocol);

constexpr bool IsKnownService(int64_t port, int64_t protocol) { return !ServiceName(port, protocol).empty(); }

// The service of that name (ASCII letters in any case), or nullptr.
constexpr const Service* FindService(std::string_view name);

// ---------------------------------------------------------------------------------------------------------------------
// Implementation details follow
// ---------------------------------------------------------------------------------------------------------------------

namespace internal::services {

inline constexpr uint8_t kTcp = Service::kTcp;
inline constexpr uint8_t kUdp = Service::kUdp;
inline constexpr uint8_t kSctp = Service::kSctp;

// clang-format off
inline constexpr Service kServices[] = {
    {7, kTcp | kUdp, "echo"}, {9, kTcp | kUdp, "discard"}, {13, kTcp | kUdp, "daytime"}, {17, kTcp | kUdp, "qotd"},
    {19, kTcp | kUdp, "chargen"}, {20, kTcp, "ftp-data"}, {21, kTcp, "ftp"}, {22, kTcp | kSctp, "ssh"},
    {23, kTcp, "telnet"}, {25, kTcp, "smtp"}, {37, kTcp | kUdp, "time"}, {43, kTcp, "whois"},
    {49, kTcp | kUdp, "tacacs"}, {53, kTcp | kUdp, "dns"}, {67, kUdp, "dhcp-server"}, {68, kUdp, "dhcp-client"},
    {69, kUdp, "tftp"}, {80, kTcp | kUdp | kSctp, "http"}, {88, kTcp | kUdp, "kerberos"}, {102, kTcp, "iso-tsap"},
    {110, kTcp, "pop3"}, {111, kTcp | kUdp, "rpcbind"}, {113, kTcp, "ident"}, {119, kTcp, "nntp"}, {123, kUdp, "ntp"},
    {135, kTcp | kUdp, "msrpc"}, {137, kTcp | kUdp, "netbios-ns"}, {138, kUdp, "netbios-dgm"},
    {139, kTcp, "netbios-ssn"}, {143, kTcp, "imap"}, {161, kTcp | kUdp, "snmp"}, {162, kTcp | kUdp, "snmp-trap"},
    {177, kUdp, "xdmcp"}, {179, kTcp | kSctp, "bgp"}, {194, kTcp, "irc"}, {319, kUdp, "ptp-event"},
    {320, kUdp, "ptp-general"}, {389, kTcp | kUdp, "ldap"}, {427, kTcp | kUdp, "svrloc"},
    {443, kTcp | kUdp | kSctp, "https"}, {445, kTcp, "microsoft-ds"}, {464, kTcp | kUdp, "kpasswd"},
    {465, kTcp, "smtps"}, {500, kUdp, "isakmp"}, {502, kTcp, "modbus"}, {512, kTcp, "rexec"}, {513, kTcp, "rlogin"},
    {514, kTcp, "rsh"}, {514, kUdp, "syslog"}, {515, kTcp, "printer"}, {520, kUdp, "rip"}, {521, kUdp, "ripng"},
    {523, kTcp | kUdp, "ibm-db2"}, {546, kUdp, "dhcpv6-client"}, {547, kUdp, "dhcpv6-server"}, {548, kTcp, "afp"},
    {554, kTcp | kUdp, "rtsp"}, {587, kTcp, "submission"}, {593, kTcp, "msrpc-http"}, {623, kUdp, "ipmi"},
    {631, kTcp | kUdp, "ipp"}, {636, kTcp | kUdp, "ldaps"}, {646, kTcp | kUdp, "ldp"},
    {749, kTcp | kUdp, "kerberos-adm"}, {750, kUdp, "kerberos-iv"}, {783, kTcp, "spamassassin"},
    {830, kTcp, "netconf-ssh"}, {853, kTcp | kUdp, "dns-tls"}, {860, kTcp, "iscsi"}, {873, kTcp, "rsync"},
    {902, kTcp | kUdp, "vmware-auth"}, {989, kTcp, "ftps-data"}, {990, kTcp, "ftps"}, {992, kTcp, "telnets"},
    {993, kTcp, "imaps"}, {995, kTcp, "pop3s"}, {1080, kTcp, "socks"}, {1099, kTcp, "java-rmi"},
    {1194, kTcp | kUdp, "openvpn"}, {1270, kTcp, "scom"}, {1414, kTcp, "ibm-mq"}, {1433, kTcp, "ms-sql"},
    {1434, kUdp, "ms-sql-monitor"}, {1494, kTcp, "citrix-ica"}, {1521, kTcp, "oracle"}, {1526, kTcp, "informix"},
    {1688, kTcp, "kms-windows"}, {1701, kUdp, "l2tp"}, {1720, kTcp, "h323"}, {1723, kTcp, "pptp"},
    {1801, kTcp, "msmq"}, {1812, kTcp | kUdp, "radius"}, {1813, kTcp | kUdp, "radius-acct"}, {1883, kTcp, "mqtt"},
    {1900, kUdp, "ssdp"}, {1935, kTcp, "rtmp"}, {1985, kUdp, "hsrp"}, {2003, kTcp | kUdp, "graphite"},
    {2004, kTcp, "graphite-pickle"}, {2049, kTcp | kUdp | kSctp, "nfs"}, {2055, kUdp, "netflow"},
    {2082, kTcp, "cpanel"}, {2083, kTcp, "cpanels"}, {2086, kTcp, "whm"}, {2087, kTcp, "whms"},
    {2123, kUdp, "gtp-control"}, {2152, kUdp, "gtp-user"}, {2181, kTcp, "zookeeper"}, {2222, kTcp, "ssh-alt"},
    {2375, kTcp, "docker"}, {2376, kTcp, "docker-tls"}, {2377, kTcp, "docker-swarm"}, {2379, kTcp, "etcd"},
    {2380, kTcp, "etcd-peer"}, {2404, kTcp, "iec-104"}, {2427, kUdp, "mgcp"}, {2525, kTcp, "smtp-alt"},
    {2598, kTcp, "citrix-cgp"}, {2638, kTcp, "sybase"}, {2775, kTcp, "smpp"}, {2888, kTcp, "zookeeper-peer"},
    {2905, kSctp, "m3ua"}, {3000, kTcp, "grafana"}, {3050, kTcp, "firebird"}, {3100, kTcp, "loki"},
    {3128, kTcp, "squid"}, {3200, kTcp, "sap-dispatcher"}, {3205, kTcp | kUdp, "isns"}, {3260, kTcp, "iscsi-target"},
    {3268, kTcp, "global-catalog"}, {3269, kTcp, "global-catalog-tls"}, {3300, kTcp, "ceph"}, {3306, kTcp, "mysql"},
    {3310, kTcp, "clamav"}, {3386, kUdp, "gtp-prime"}, {3389, kTcp | kUdp, "rdp"}, {3478, kTcp | kUdp, "stun"},
    {3544, kUdp, "teredo"}, {3632, kTcp, "distcc"}, {3690, kTcp, "svn"}, {3702, kTcp | kUdp, "ws-discovery"},
    {3868, kTcp | kSctp, "diameter"}, {3888, kTcp, "zookeeper-election"}, {4222, kTcp, "nats"},
    {4317, kTcp, "otlp-grpc"}, {4318, kTcp, "otlp-http"}, {4369, kTcp, "epmd"}, {4443, kTcp, "https-alt-4443"},
    {4500, kUdp, "ipsec-nat-t"}, {4505, kTcp, "salt-publish"}, {4506, kTcp, "salt-request"}, {4567, kTcp, "galera"},
    {4646, kTcp, "nomad"}, {4647, kTcp, "nomad-rpc"}, {4648, kTcp | kUdp, "nomad-serf"},
    {4739, kTcp | kUdp | kSctp, "ipfix"}, {4786, kTcp, "cisco-smart-install"}, {4789, kUdp, "vxlan"},
    {4840, kTcp, "opc-ua"}, {4899, kTcp, "radmin"}, {5000, kTcp, "upnp"}, {5001, kTcp | kUdp, "iperf"},
    {5004, kTcp | kUdp, "rtp"}, {5005, kTcp | kUdp, "rtcp"}, {5044, kTcp, "beats"},
    {5060, kTcp | kUdp | kSctp, "sip"}, {5061, kTcp | kSctp, "sips"}, {5201, kTcp | kUdp, "iperf3"},
    {5222, kTcp, "xmpp-client"}, {5269, kTcp, "xmpp-server"}, {5351, kUdp, "nat-pmp"}, {5353, kUdp, "mdns"},
    {5355, kTcp | kUdp, "llmnr"}, {5432, kTcp, "postgresql"}, {5433, kTcp, "postgresql-alt"},
    {5439, kTcp, "redshift"}, {5555, kTcp, "adb"}, {5601, kTcp, "kibana"}, {5666, kTcp, "nrpe"}, {5667, kTcp, "nsca"},
    {5671, kTcp, "amqps"}, {5672, kTcp | kSctp, "amqp"}, {5683, kTcp | kUdp, "coap"}, {5684, kTcp | kUdp, "coaps"},
    {5693, kTcp, "ncpa"}, {5701, kTcp, "hazelcast"}, {5722, kTcp, "dfsr"}, {5723, kTcp, "scom-agent"},
    {5800, kTcp, "vnc-http"}, {5900, kTcp, "vnc"}, {5901, kTcp, "vnc-1"}, {5902, kTcp, "vnc-2"},
    {5903, kTcp, "vnc-3"}, {5938, kTcp | kUdp, "teamviewer"}, {5984, kTcp, "couchdb"}, {5985, kTcp, "winrm"},
    {5986, kTcp, "winrm-tls"}, {6000, kTcp, "x11"}, {6001, kTcp, "x11-1"}, {6066, kTcp, "spark-rest"},
    {6081, kUdp, "geneve"}, {6082, kTcp, "varnish-admin"}, {6343, kUdp, "sflow"}, {6379, kTcp, "redis"},
    {6380, kTcp, "redis-tls"}, {6432, kTcp, "pgbouncer"}, {6443, kTcp, "kubernetes"}, {6514, kTcp, "syslog-tls"},
    {6514, kUdp, "syslog-dtls"}, {6640, kTcp, "ovsdb"}, {6653, kTcp, "openflow"}, {6667, kTcp, "irc-6667"},
    {6697, kTcp, "ircs"}, {6783, kTcp | kUdp, "weave"}, {6800, kTcp, "ceph-osd"}, {6831, kUdp, "jaeger-compact"},
    {6832, kUdp, "jaeger-binary"}, {6881, kTcp | kUdp, "bittorrent"}, {6969, kTcp, "bittorrent-tracker"},
    {7000, kTcp, "cassandra-peer"}, {7001, kTcp, "weblogic"}, {7002, kTcp, "weblogic-tls"},
    {7077, kTcp, "spark-master"}, {7078, kTcp, "spark-worker"}, {7180, kTcp, "cloudera-manager"},
    {7199, kTcp, "cassandra-jmx"}, {7233, kTcp, "temporal"}, {7337, kTcp, "spark-shuffle"},
    {7473, kTcp, "neo4j-https"}, {7474, kTcp, "neo4j-http"}, {7547, kTcp, "cwmp"}, {7687, kTcp, "neo4j-bolt"},
    {7946, kTcp | kUdp, "serf"}, {8000, kTcp, "http-alt-8000"}, {8009, kTcp, "ajp"}, {8020, kTcp, "hdfs"},
    {8025, kTcp, "yarn-tracker"}, {8030, kTcp, "yarn-scheduler"}, {8032, kTcp, "yarn"}, {8042, kTcp, "yarn-node"},
    {8080, kTcp, "http-alt"}, {8081, kTcp, "http-alt-8081"}, {8083, kTcp, "kafka-connect"}, {8086, kTcp, "influxdb"},
    {8088, kTcp, "splunk-hec"}, {8089, kTcp, "splunk-mgmt"}, {8090, kTcp, "confluence"}, {8091, kTcp, "couchbase"},
    {8111, kTcp, "dax"}, {8123, kTcp, "clickhouse-http"}, {8125, kUdp, "statsd"}, {8126, kTcp, "datadog-apm"},
    {8140, kTcp, "puppet"}, {8161, kTcp, "activemq-web"}, {8172, kTcp, "msdeploy"}, {8182, kTcp, "neptune"},
    {8200, kTcp, "vault"}, {8201, kTcp, "vault-cluster"}, {8222, kTcp, "nats-http"}, {8300, kTcp, "consul-rpc"},
    {8301, kTcp | kUdp, "consul-serf-lan"}, {8302, kTcp | kUdp, "consul-serf-wan"}, {8333, kTcp, "bitcoin"},
    {8404, kTcp, "haproxy-stats"}, {8443, kTcp, "https-alt"}, {8472, kUdp, "vxlan-linux"},
    {8485, kTcp, "hdfs-journal"}, {8500, kTcp, "consul"}, {8501, kTcp, "consul-https"}, {8502, kTcp, "consul-grpc"},
    {8530, kTcp, "wsus"}, {8531, kTcp, "wsus-tls"}, {8600, kTcp | kUdp, "consul-dns"}, {8883, kTcp, "mqtts"},
    {8888, kTcp, "jupyter"}, {8983, kTcp, "solr"}, {9000, kTcp, "clickhouse"}, {9009, kTcp, "clickhouse-peer"},
    {9042, kTcp, "cassandra"}, {9043, kTcp, "websphere-admin-tls"}, {9050, kTcp, "tor-socks"},
    {9060, kTcp, "websphere-admin"}, {9080, kTcp, "websphere"}, {9083, kTcp, "hive-metastore"},
    {9090, kTcp, "prometheus"}, {9091, kTcp, "prometheus-push"}, {9092, kTcp, "kafka"}, {9093, kTcp, "alertmanager"},
    {9094, kTcp, "kafka-tls"}, {9095, kTcp, "kafka-public"}, {9096, kTcp, "kafka-sasl"}, {9098, kTcp, "kafka-iam"},
    {9100, kTcp, "node-exporter"}, {9104, kTcp, "mysqld-exporter"}, {9115, kTcp, "blackbox-exporter"},
    {9121, kTcp, "redis-exporter"}, {9142, kTcp, "cassandra-tls"}, {9153, kTcp, "coredns-metrics"},
    {9160, kTcp, "cassandra-thrift"}, {9187, kTcp, "postgres-exporter"}, {9200, kTcp, "elasticsearch"},
    {9216, kTcp, "mongodb-exporter"}, {9300, kTcp, "elasticsearch-peer"}, {9389, kTcp, "ad-web-services"},
    {9411, kTcp, "zipkin"}, {9418, kTcp, "git"}, {9440, kTcp, "clickhouse-tls"}, {9443, kTcp, "https-alt-9443"},
    {9600, kTcp, "logstash"}, {9870, kTcp, "hdfs-web"}, {9997, kTcp, "splunk-s2s"}, {10000, kTcp, "webmin"},
    {10050, kTcp, "zabbix-agent"}, {10051, kTcp, "zabbix"}, {10249, kTcp, "kube-proxy-metrics"},
    {10250, kTcp, "kubelet"}, {10255, kTcp, "kubelet-readonly"}, {10256, kTcp, "kube-proxy-health"},
    {10257, kTcp, "kube-controller"}, {10259, kTcp, "kube-scheduler"}, {11112, kTcp, "dicom"},
    {11210, kTcp, "couchbase-data"}, {11211, kTcp | kUdp, "memcached"}, {11371, kTcp, "hkp"}, {11434, kTcp, "ollama"},
    {12201, kTcp | kUdp, "gelf"}, {14250, kTcp, "jaeger-grpc"}, {14268, kTcp, "jaeger-http"},
    {15000, kTcp, "envoy-admin"}, {15001, kTcp, "envoy-outbound"}, {15006, kTcp, "envoy-inbound"},
    {15010, kTcp, "istio-xds"}, {15012, kTcp, "istio-xds-tls"}, {15017, kTcp, "istio-webhook"},
    {15021, kTcp, "istio-health"}, {15090, kTcp, "envoy-metrics"}, {15672, kTcp, "rabbitmq-web"},
    {15692, kTcp, "rabbitmq-metrics"}, {16010, kTcp, "hbase-web"}, {16509, kTcp, "libvirt"},
    {16514, kTcp, "libvirt-tls"}, {16686, kTcp, "jaeger-web"}, {18080, kTcp, "spark-history"}, {20000, kTcp, "dnp3"},
    {20514, kTcp, "rsyslog-relp"}, {24007, kTcp, "glusterfs"}, {24224, kTcp | kUdp, "fluentd"},
    {25565, kTcp, "minecraft"}, {25672, kTcp, "rabbitmq-peer"}, {26257, kTcp, "cockroachdb"},
    {27015, kTcp | kUdp, "steam"}, {27017, kTcp, "mongodb"}, {27018, kTcp, "mongodb-shard"},
    {27019, kTcp, "mongodb-config"}, {28015, kTcp, "rethinkdb"}, {32400, kTcp, "plex"}, {33060, kTcp, "mysqlx"},
    {47808, kUdp, "bacnet"}, {50000, kTcp, "db2"}, {50051, kTcp, "grpc"}, {51820, kUdp, "wireguard"},
    {61613, kTcp, "stomp"}, {61616, kTcp, "activemq"}, {61617, kTcp, "activemq-tls"},
};
// clang-format on

// Whether the table is sorted by port, and no transport of a port stands twice.
constexpr bool ServicesAreSorted() {
  for (size_t i = 1; i < std::size(kServices); ++i) {
    const Service& a = kServices[i - 1];
    const Service& b = kServices[i];
    if (a.port > b.port || (a.port == b.port && (a.transports & b.transports) != 0)) return false;
  }
  return true;
}
static_assert(ServicesAreSorted());

}  // namespace internal::services

constexpr std::span<const Service> AllServices() { return internal::services::kServices; }

constexpr std::string_view ServiceName(int64_t port, int64_t protocol) {
  const uint8_t transport = protocol == 6     ? Service::kTcp
                            : protocol == 17  ? Service::kUdp
                            : protocol == 132 ? Service::kSctp
                                              : uint8_t{0};
  const auto all = AllServices();
  auto service = std::lower_bound(all.begin(), all.end(), port, [](const Service& s, int64_t p) { return s.port < p; });
  for (; service != all.end() && service->port == port; ++service) {
    if ((service->transports & transport) != 0) return service->name;
  }
  return {};
}

constexpr const Service* FindService(std::string_view name) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  for (const Service& service : AllServices()) {
    if (std::equal(name.begin(), name.end(), service.name.begin(), service.name.end(),
                   [&](char a, char b) { return lower(a) == lower(b); })) {
      return &service;
    }
  }
  return nullptr;
}

}  // namespace v1
}  // namespace flowlogs

#endif  // FLOWLOGS_SCHEMA_SERVICES_H_
