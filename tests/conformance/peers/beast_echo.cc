// SPDX-License-Identifier: MIT
//
// An echo server on Boost.Beast, with permessage-deflate: its synchronous example, a thread for
// each connection.
//
// Usage: beast_echo PORT (port 0: any that is free); it says where on standard error
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = boost::asio::ip::tcp;

static void
serve(tcp::socket socket)
{
        websocket::stream<tcp::socket> stream(std::move(socket));
        websocket::permessage_deflate deflate;
        beast::error_code error;

        deflate.server_enable = true;
        stream.set_option(deflate);
        stream.accept(error);
        while (!error) {
                beast::flat_buffer buffer;

                stream.read(buffer, error);
                if (error)
                        break;
                stream.text(stream.got_text());
                stream.write(buffer.data(), error);
        }
}

int
main(int argc, char **argv)
{
        boost::asio::io_context context;
        unsigned short port = argc == 2 ? static_cast<unsigned short>(std::atoi(argv[1])) : 0;
        tcp::acceptor acceptor(context, {boost::asio::ip::make_address("127.0.0.1"), port});

        if (argc != 2) {
                std::fprintf(stderr, "usage: beast_echo PORT\n");
                return 2;
        }
        std::fprintf(stderr, "listening on ws://127.0.0.1:%d\n", acceptor.local_endpoint().port());
        for (;;)
                std::thread(serve, acceptor.accept()).detach();
}
