"""A head streamed to an avatar, and heard by a local listener: python examples/osc_stream.py [photo]"""

import sys
from threading import Thread

import skimage.data
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from face_alignment_3d import FaceAligner3D
from face_alignment_3d.export import VMCSender

photo = sys.argv[1] if len(sys.argv) > 1 else skimage.data.astronaut()
dispatcher = Dispatcher()
dispatcher.map("/VMC/Ext/Bone/Pos", lambda address, bone, *numbers: print(address, bone, *numbers[3:]))
listener = BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher)  # Stands for the program that moves the avatar.
hearing = Thread(target=listener.handle_request)
hearing.start()

face = FaceAligner3D().detect(photo)[0]
with VMCSender("127.0.0.1", listener.server_address[1]) as sender:
    sender.send(face.pose)
hearing.join()
listener.server_close()
print(f"sent yaw {face.pose.yaw:.1f}, pitch {face.pose.pitch:.1f}, roll {face.pose.roll:.1f} degrees")
