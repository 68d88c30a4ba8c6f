// SPDX-License-Identifier: MIT
//
// An echo server on Boost.Beast, with permessage-deflate: as its asynchronous examples, on one
// thread.
//
// Usage: beast_echo PORT [CERTIFICATE KEY] (port 0: any that is free); it says where on standard
// error. With a certificate it speaks TLS.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;
using error_code = beast::error_code;

// A connection over tcp::socket or a TLS stream; it lives as long as something is to happen in it.
template <class Stream> class connection : public std::enable_shared_from_this<connection<Stream>> {
        websocket::stream<Stream> stream;
        beast::flat_buffer buffer;

public:
        template <class... Arguments>
        explicit connection(Arguments &&...arguments)
            : stream(std::forward<Arguments>(arguments)...)
        {
                websocket::permessage_deflate deflate;

                deflate.server_enable = true;
                stream.set_option(deflate);
                stream.auto_fragment(false);
        }

        Stream &
        below()
        {
                return stream.next_layer();
        }

        void
        accept()
        {
                stream.async_accept([self = this->shared_from_this()](error_code error) {
                        if (!error)
                                self->read();
                });
        }

        void
        read()
        {
                stream.async_read(buffer,
                                  [self = this->shared_from_this()](error_code error, std::size_t) {
                                          if (!error)
                                                  self->write();
                                  });
        }

        void
        write()
        {
                stream.text(stream.got_text());
                stream.async_write(buffer.data(), [self = this->shared_from_this()](
                                                          error_code error, std::size_t length) {
                        self->buffer.consume(length);
                        if (!error)
                                self->read();
                });
        }
};

static void
serve(tcp::socket socket, asio::ssl::context *tls)
{
        error_code ignored;

        socket.set_option(tcp::no_delay(true), ignored);
        if (tls == nullptr) {
                std::make_shared<connection<tcp::socket>>(std::move(socket))->accept();
                return;
        }
        auto secure = std::make_shared<connection<asio::ssl::stream<tcp::socket>>>(
                std::move(socket), *tls);
        secure->below().async_handshake(asio::ssl::stream_base::server,
                                        [secure](error_code error) {
                                                if (!error)
                                                        secure->accept();
                                        });
}

static void
accept_all(tcp::acceptor &acceptor, asio::ssl::context *tls)
{
        acceptor.async_accept([&acceptor, tls](error_code error, tcp::socket socket) {
                if (!error)
                        serve(std::move(socket), tls);
                accept_all(acceptor, tls);
        });
}

int
main(int argc, char **argv)
{
        asio::io_context context(1);
        asio::ssl::context tls(asio::ssl::context::tls_server);
        bool secure = argc == 4;

        if (argc != 2 && argc != 4) {
                std::fprintf(stderr, "usage: beast_echo PORT [CERTIFICATE KEY]\n");
                return 2;
        }
        if (secure) {
                tls.use_certificate_chain_file(argv[2]);
                tls.use_private_key_file(argv[3], asio::ssl::context::pem);
        }
        tcp::acceptor acceptor(context, {asio::ip::make_address("127.0.0.1"),
                                         static_cast<unsigned short>(std::atoi(argv[1]))});
        std::fprintf(stderr, "listening on %s://127.0.0.1:%d\n", secure ? "wss" : "ws",
                     acceptor.local_endpoint().port());
        accept_all(acceptor, secure ? &tls : nullptr);
        context.run();
}
